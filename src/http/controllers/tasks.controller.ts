import { Body, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { Page } from '../../foundation/index.js';
import { type LogView, Tasks, type TaskView } from '../../tasks/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Listed, Taking } from '../docs/operations.js';
import { refuseBody } from '../reading/field-reader.js';
import { TaskIdPipe } from '../reading/path-ids.js';
import { QueryReader, type RawQuery, readPage } from '../reading/query-reader.js';
import { readCancelFilter, readTaskQuery } from '../reading/task-query.js';
import { placeOfTask, type Reply, type RestRequest } from '../reply.js';
import { LongPoll } from '../streams/long-poll.js';

/** A longer wait would meet the 30 s after which routers cut a silent request. */
const MAX_WAIT_SECONDS = 25;

/** Tasks as people read and steer them. */
@RestController('tasks')
export class TasksController {
  constructor(
    private readonly tasks: Tasks,
    private readonly longPoll: LongPoll,
  ) {}

  @Get()
  @Rules({ access: ['viewer', 'client'] })
  @ApiOperation({ summary: 'Tasks, newest first; q: the beginning of an id, or an idempotency key' })
  @Listed('Task', 'status', 'job', 'queue', 'key', 'q')
  async list(@Query() query: RawQuery): Promise<Page<TaskView>> {
    const { filter, page } = readTaskQuery(query);
    return this.tasks.list(filter, page.limit, page.cursor);
  }

  @Post('cancel')
  @HttpCode(202)
  @Rules({ access: ['client'] })
  @ApiOperation({
    summary: 'Cancel every waiting and running task that fits the filter; {"all": true} means all',
  })
  @Taking('TaskFilter')
  @Answers(202, 'Matched')
  async cancelMany(@Body() body: unknown): Promise<{ matched: number }> {
    return { matched: await this.tasks.cancelMany(readCancelFilter(body)) };
  }

  @Get(':id')
  @Rules({ access: ['viewer', 'client'], names: 'task' })
  @ApiOperation({
    summary: 'One task with its executions; wait=20 answers when it has ended, or after 20 s (25 at most)',
  })
  @Answers(200, 'Task', 'wait')
  async get(
    @Param('id', TaskIdPipe) id: string,
    @Query() query: RawQuery,
    @Req() request: RestRequest,
  ): Promise<TaskView> {
    const reader = new QueryReader(query, ['wait']);
    const seconds = reader.integer('wait', 0, MAX_WAIT_SECONDS) ?? 0;
    reader.done();
    return seconds === 0 ? this.tasks.get(id) : this.longPoll.untilEnd(id, seconds, request);
  }

  @Get(':id/logs')
  @Rules({ access: ['viewer', 'client'], names: 'task' })
  @ApiOperation({ summary: 'Lines written by task.log(), oldest first' })
  @Listed('Log')
  async logs(@Param('id', TaskIdPipe) id: string, @Query() query: RawQuery): Promise<Page<LogView>> {
    const { limit, cursor } = readPage(query);
    return this.tasks.logs(id, limit, cursor);
  }

  @Post(':id/cancel')
  @HttpCode(202)
  @Rules({ access: ['client'], names: 'task' })
  @ApiOperation({
    summary: 'Cancel: a waiting task at once, a running one gets its signal. 200 if it was cancelled before',
  })
  @Answers([200, 202], 'Task')
  async cancel(
    @Param('id', TaskIdPipe) id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<TaskView> {
    refuseBody(body);
    const { task, alreadyCancelled } = await this.tasks.cancel(id);
    if (alreadyCancelled) reply.status(200);
    return task;
  }

  @Post(':id/again')
  @HttpCode(202)
  @Rules({ access: ['client'], names: 'task' })
  @ApiOperation({ summary: 'A new task with the same job, payload and options as one that has ended' })
  @Answers(202, 'Task')
  async again(
    @Param('id', TaskIdPipe) id: string,
    @Body() body: unknown,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<TaskView> {
    refuseBody(body);
    const { isNew: _isNew, ...task } = await this.tasks.again(id);
    reply.header('location', placeOfTask(task.id, request, 3));
    return task;
  }

  @Post(':id/promote')
  @HttpCode(202)
  @Rules({ access: [], names: 'task' })
  @ApiOperation({ summary: 'Run a SCHEDULED or RETRYING task now' })
  @Answers(202, 'Task')
  async promote(@Param('id', TaskIdPipe) id: string, @Body() body: unknown): Promise<TaskView> {
    refuseBody(body);
    return this.tasks.promote(id);
  }
}
