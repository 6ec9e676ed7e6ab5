import { Body, Delete, Get, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { Schedules } from '../../clock/index.js';
import type { TaskView } from '../../tasks/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Listed, Taking } from '../docs/operations.js';
import { refuseBody } from '../reading/field-reader.js';
import { type RawQuery, readPage } from '../reading/query-reader.js';
import { placeOfTask, type Reply, type RestRequest } from '../reply.js';

/** Recurring work. What is wrong with a schedule is the clock's to say; it names the field. */
@RestController('schedules')
export class SchedulesController {
  constructor(private readonly schedules: Schedules) {}

  @Get()
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'Every schedule with its next and last tick' })
  @Listed('Schedule')
  async list(@Query() query: RawQuery): Promise<object> {
    const { limit, cursor } = readPage(query);
    return this.schedules.page(limit, cursor);
  }

  @Get(':name')
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'One schedule' })
  @Answers(200, 'Schedule')
  async get(@Param('name') name: string): Promise<object> {
    return this.schedules.get(name);
  }

  @Put(':name')
  @Rules({ access: [] })
  @ApiOperation({
    summary: 'Make (201) or change (200) a schedule; a change here is not undone by the next boot',
  })
  @Taking('ScheduleBody')
  @Answers([200, 201], 'Schedule')
  async put(
    @Param('name') name: string,
    @Body() body: unknown,
    @Req() { originalUrl }: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    const { schedule, isNew } = await this.schedules.put(name, body ?? {}, { source: 'api' });
    if (isNew) reply.status(201);
    reply.header('location', originalUrl.split('?', 1)[0] ?? '');
    return schedule;
  }

  @Delete(':name')
  @HttpCode(204)
  @Rules({ access: [] })
  @ApiOperation({ summary: 'The schedule and its ticks are gone' })
  async delete(@Param('name') name: string): Promise<void> {
    await this.schedules.delete(name);
  }

  @Post(':name/pause')
  @HttpCode(200)
  @Rules({ access: [], names: 'schedule' })
  @ApiOperation({ summary: 'Fires nothing until it is resumed' })
  @Answers(200, 'Schedule')
  async pause(@Param('name') name: string, @Body() body: unknown): Promise<object> {
    refuseBody(body);
    return this.schedules.pause(name);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @Rules({ access: [], names: 'schedule' })
  @ApiOperation({ summary: 'Fires again, from now on' })
  @Answers(200, 'Schedule')
  async resume(@Param('name') name: string, @Body() body: unknown): Promise<object> {
    refuseBody(body);
    return this.schedules.resume(name);
  }

  @Post(':name/run')
  @HttpCode(202)
  @Rules({ access: [], names: 'schedule' })
  @ApiOperation({ summary: 'Run its job now; this is not a tick' })
  @Answers(202, 'Task')
  async run(
    @Param('name') name: string,
    @Body() body: unknown,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<TaskView> {
    refuseBody(body);
    const { isNew: _isNew, ...task } = await this.schedules.run(name);
    reply.header('location', placeOfTask(task.id, request, 3));
    return task;
  }

  @Get(':name/ticks')
  @Rules({ access: ['viewer'], names: 'schedule' })
  @ApiOperation({ summary: 'What became of each due moment, newest first' })
  @Listed('Tick')
  async ticks(@Param('name') name: string, @Query() query: RawQuery): Promise<object> {
    const { limit, cursor } = readPage(query);
    return this.schedules.ticks(name, limit, cursor);
  }
}
