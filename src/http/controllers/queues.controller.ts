import { Body, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { Queues, type QueueView } from '../../tasks/index.js';
import type { Page } from '../../foundation/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Listed } from '../docs/operations.js';
import { refuseBody } from '../reading/field-reader.js';
import { type RawQuery, readPage } from '../reading/query-reader.js';
import { BY_REST } from '../views/by.js';
import { pageInMemory } from '../views/page-in-memory.js';

@RestController('queues')
export class QueuesController {
  constructor(private readonly queues: Queues) {}

  @Get()
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'Every queue: what waits and runs, for how long, who serves it' })
  @Listed('Queue')
  async list(@Query() query: RawQuery): Promise<Page<QueueView>> {
    const page = readPage(query);
    return pageInMemory(await this.queues.list(), page, (queue) => queue.name);
  }

  @Post(':name/pause')
  @HttpCode(200)
  @Rules({ access: [], names: 'queue' })
  @ApiOperation({ summary: 'Nothing of this queue starts until it is resumed; enqueuing goes on' })
  @Answers(200, 'Queue')
  async pause(@Param('name') name: string, @Body() body: unknown): Promise<QueueView> {
    refuseBody(body);
    return this.queues.pause(name, BY_REST);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @Rules({ access: [], names: 'queue' })
  @ApiOperation({ summary: 'The queue is worked on again' })
  @Answers(200, 'Queue')
  async resume(@Param('name') name: string, @Body() body: unknown): Promise<QueueView> {
    refuseBody(body);
    return this.queues.resume(name, BY_REST);
  }
}
