import { Body, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { JobRegistry } from '../../jobs/index.js';
import { type EnqueuedTask, Tasks, type TaskView } from '../../tasks/index.js';
import type { Page } from '../../foundation/index.js';
import { Rules } from '../access/access.js';
import { BULK_BODY_LIMIT } from '../access/body-limits.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { Answers, Bulk, Enqueue, Listed } from '../docs/operations.js';
import { readBulk, readEnqueue, type EnqueueHeaders } from '../reading/enqueue-body.js';
import { type RawQuery, readPage } from '../reading/query-reader.js';
import { headerOf, placeOfTask, type Reply, type RestRequest } from '../reply.js';
import { type JobView, jobView } from '../views/job-view.js';
import { pageInMemory } from '../views/page-in-memory.js';

type EnqueueAnswer = TaskView & Pick<EnqueuedTask, 'warnings'>;

/** What can be run, and the way to have it run. */
@RestController('jobs')
export class JobsController {
  constructor(
    private readonly jobs: JobRegistry,
    private readonly tasks: Tasks,
  ) {}

  @Get()
  @Rules({ access: ['viewer', 'client'] })
  @ApiOperation({ summary: 'The registered jobs, with the JSON Schema of their payloads' })
  @Listed('Job')
  list(@Query() query: RawQuery): Page<JobView> {
    return pageInMemory(this.jobs.all().map(jobView), readPage(query), (job) => job.name);
  }

  /** The hot path: one call into the front desk, and nothing that could be left out. */
  @Post(':name')
  @HttpCode(202)
  @Rules({ access: ['client'], names: 'job' })
  @Enqueue()
  async enqueue(
    @Param('name') name: string,
    @Req() request: RestRequest,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<EnqueueAnswer> {
    const { payload, options } = readEnqueue(request.body, headersOf(request));
    const { isNew, ...task } = await this.tasks.enqueue(name, payload, options);
    reply.header('location', placeOfTask(task.id, request, 2));
    if (!isNew) {
      reply.status(200);
      reply.header('idempotency-replayed', 'true');
    }
    return task;
  }

  @Post(':name/bulk')
  @HttpCode(202)
  @Rules({ access: ['client'], names: 'job', bodyLimit: BULK_BODY_LIMIT })
  @Bulk()
  @Answers(202, 'BulkAccepted')
  async enqueueMany(
    @Param('name') name: string,
    @Req() request: RestRequest,
    @Body() body: unknown,
  ): Promise<{ ids: readonly string[]; warnings: EnqueuedTask['warnings'] }> {
    const { payloads, options } = readBulk(body, headersOf(request));
    const { ids, warnings } = await this.tasks.enqueueMany(name, payloads, options);
    return { ids, warnings };
  }
}

function headersOf(request: RestRequest): EnqueueHeaders {
  const length = headerOf(request, 'content-length');
  return {
    idempotencyKey: headerOf(request, 'idempotency-key'),
    bodyBytes: length === undefined ? undefined : Number(length),
  };
}
