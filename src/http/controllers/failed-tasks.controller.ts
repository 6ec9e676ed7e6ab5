import { Body, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { FailedTasks } from '../../failures/index.js';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Listed, Taking } from '../docs/operations.js';
import {
  readBulkDismiss,
  readDismiss,
  readFailedTaskQuery,
  readRetry,
  readRetryFilter,
} from '../reading/failed-task-query.js';
import { FailedTaskIdPipe } from '../reading/path-ids.js';
import type { RawQuery } from '../reading/query-reader.js';
import { placeOfTask, type Reply, type RestRequest } from '../reply.js';
import { BY_REST } from '../views/by.js';

/** Final failures: read, retry, dismiss. */
@RestController('failed-tasks')
export class FailedTasksController {
  constructor(private readonly failedTasks: FailedTasks) {}

  @Get()
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'FailedTasks, open ones first' })
  @Listed('FailedTask', 'state', 'job', 'queue', 'fingerprint', 'key')
  async list(@Query() query: RawQuery): Promise<object> {
    const { filter, page } = readFailedTaskQuery(query);
    return this.failedTasks.list(filter, page.limit, page.cursor);
  }

  @Get('groups')
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'FailedTasks grouped by fingerprint: the same job failing in the same way' })
  @Listed('FailureGroup', 'state', 'job', 'queue', 'fingerprint', 'key')
  async groups(@Query() query: RawQuery): Promise<object> {
    const { filter, page } = readFailedTaskQuery(query);
    return this.failedTasks.groups(filter, page.limit, page.cursor);
  }

  @Post('retry')
  @HttpCode(202)
  @Rules({ access: [] })
  @ApiOperation({
    summary:
      'Retry every open FailedTask that fits the filter, as a task; failures from before this call only',
  })
  @Taking('FailureFilter')
  @Answers(202, 'BulkRetried')
  async retryMany(@Body() body: unknown): Promise<object> {
    return this.failedTasks.retryMany(readRetryFilter(body), BY_REST);
  }

  @Post('dismiss')
  @HttpCode(200)
  @Rules({ access: [] })
  @ApiOperation({ summary: 'Nothing more will be done about any open FailedTask that fits the filter' })
  @Taking('BulkDismissBody')
  @Answers(200, 'Matched')
  async dismissMany(@Body() body: unknown): Promise<{ matched: number }> {
    const { filter, reason } = readBulkDismiss(body);
    return this.failedTasks.dismissMany(filter, { reason, by: BY_REST });
  }

  @Get(':id')
  @Rules({ access: ['viewer'] })
  @ApiOperation({ summary: 'One FailedTask with every attempt, its payload and what was done about it' })
  @Answers(200, 'FailedTask')
  async get(@Param('id', FailedTaskIdPipe) id: string): Promise<object> {
    return this.failedTasks.get(id);
  }

  @Post(':id/retry')
  @HttpCode(202)
  @Rules({ access: [], names: 'failed-task' })
  @ApiOperation({
    summary: 'A new task in place of the failed one, once; 200 with the same one when it was retried before',
  })
  @Taking('RetryBody', false)
  @Answers([200, 202], 'Retried')
  async retry(
    @Param('id', FailedTaskIdPipe) id: string,
    @Body() body: unknown,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    const { isNew, failedTask, task } = await this.failedTasks.retry(id, { ...readRetry(body), by: BY_REST });
    if (!isNew) reply.status(200);
    reply.header('location', placeOfTask(task.id, request, 3));
    return { failedTask, task };
  }

  @Post(':id/dismiss')
  @HttpCode(200)
  @Rules({ access: [], names: 'failed-task' })
  @ApiOperation({ summary: 'Nothing more will be done about this failure' })
  @Taking('DismissBody', false)
  @Answers(200, 'FailedTask')
  async dismiss(@Param('id', FailedTaskIdPipe) id: string, @Body() body: unknown): Promise<object> {
    return this.failedTasks.dismiss(id, { ...readDismiss(body), by: BY_REST });
  }
}
