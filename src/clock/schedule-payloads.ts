import { Injectable } from '@nestjs/common';
import { byteLength, NotJsonError, toJsonText } from '../foundation/index.js';
import { InvalidPayloadError, UnknownJobError } from '../jobs/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import { KnownJobs, PAYLOAD_MAX_BYTES } from '../tasks/index.js';
import type { ScheduleIssue } from './clock-errors.js';

/** Whether a job would take the payload of a schedule: asked of its class, or of its schema in the ledger when the class is not here. */
@Injectable()
export class SchedulePayloads {
  constructor(private readonly jobs: KnownJobs) {}

  /** Everything that is wrong with job and payload; nothing when the job is missing, which has been said already. */
  async issuesOf(
    definition: ScheduleDefinition,
    known: readonly ScheduleIssue[],
  ): Promise<readonly ScheduleIssue[]> {
    if (known.some((issue) => issue.path === 'job')) return [];
    try {
      const job = await this.jobs.get(definition.job);
      const text = toJsonText(await job.parse(definition.payload, 'payload'));
      if (byteLength(text) <= PAYLOAD_MAX_BYTES) return [];
      return [{ path: 'payload', message: `has more than ${String(PAYLOAD_MAX_BYTES)} bytes of JSON` }];
    } catch (error) {
      return issuesIn(error);
    }
  }
}

function issuesIn(error: unknown): readonly ScheduleIssue[] {
  if (error instanceof UnknownJobError) return [{ path: 'job', message: error.message }];
  if (error instanceof InvalidPayloadError) return error.issues;
  if (error instanceof NotJsonError)
    return [{ path: error.path === '' ? 'payload' : `payload.${error.path}`, message: error.why }];
  throw error;
}
