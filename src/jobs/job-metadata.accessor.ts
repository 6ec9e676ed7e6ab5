import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { JOB_HANDLER } from './job-handler.decorator.js';
import type { JobOptions } from './job-options.js';

/** Reads what `@JobHandler` wrote. */
@Injectable()
export class JobMetadataAccessor {
  /** The options of a decorated class; undefined for any other. A subclass does not inherit them: it is another job. */
  optionsOf(type: unknown): Partial<JobOptions> | undefined {
    if (typeof type !== 'function') return undefined;
    return Reflect.getOwnMetadata(JOB_HANDLER, type) as Partial<JobOptions> | undefined; // written only by @JobHandler, perhaps from JavaScript
  }
}
