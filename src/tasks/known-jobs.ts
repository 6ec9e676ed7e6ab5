import { Injectable } from '@nestjs/common';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { type Backoff, isStorableText } from '../foundation/index.js';
import {
  InvalidPayloadError,
  JobRegistry,
  UnknownJobError,
  assertNoEntities,
  type JobClass,
  type JobDefinition,
  type PayloadIssue,
} from '../jobs/index.js';
import { JobDefinitions, type StoredJob } from '../ledger/index.js';

/** A job as far as enqueuing needs it. */
export interface KnownJob {
  readonly name: string;
  readonly queue: string;
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number | null;
  readonly onWorkerLost: 'rerun' | 'fail';
  /** Checks a payload. Throws `InvalidPayloadError` with every fault; paths begin with `at`. */
  parse(payload: unknown, at: string): Promise<unknown>;
}

/**
 * Jobs that can be enqueued from this process: those whose classes it has, and, in a process without classes (the CLI, a
 * one-off dyno), those that the ledger knows of a release that booted; their payloads are then checked by JSON Schema.
 */
@Injectable()
export class KnownJobs {
  private compile: Promise<Compile> | undefined;
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(
    private readonly registry: JobRegistry,
    private readonly stored: JobDefinitions,
  ) {}

  /** The job of this class or name. Throws `UnknownJobError`. No promise where the class is in this process. */
  get(job: string | JobClass): KnownJob | Promise<KnownJob> {
    if (typeof job !== 'string') return fromClass(this.registry.of(job));
    const definition = this.registry.find(job);
    return definition === undefined ? this.getStored(job) : fromClass(definition);
  }

  private async getStored(job: string): Promise<KnownJob> {
    const stored = isStorableText(job) ? await this.stored.find(job) : null;
    if (stored !== null) return this.fromLedger(stored);
    const known = new Set([...this.registry.all(), ...(await this.stored.all())].map((each) => each.name));
    throw new UnknownJobError(job, [...known].sort());
  }

  private fromLedger(stored: StoredJob): KnownJob {
    return { ...stored, parse: (payload, at) => this.checkBySchema(stored, payload, at) };
  }

  private async checkBySchema(stored: StoredJob, payload: unknown, at: string): Promise<unknown> {
    assertNoEntities(payload, at);
    const compile = await (this.compile ??= loadAjv());
    const text = JSON.stringify(stored.payloadSchema);
    const validate = this.compiled.get(text) ?? compile(stored.payloadSchema as object); // JSON Schema: an object
    this.compiled.set(text, validate);
    if (validate(payload)) return payload;
    throw new InvalidPayloadError((validate.errors ?? []).map((error) => issueOf(error, at)));
  }
}

type Compile = (schema: object) => ValidateFunction;

// Loaded when it is needed: a process that has the classes never does.
async function loadAjv(): Promise<Compile> {
  const [{ Ajv2020 }, formats] = await Promise.all([import('ajv/dist/2020.js'), import('ajv-formats')]);
  // The draft that zod and our DTOs write; the plain Ajv refuses a schema that names it.
  const ajv = new Ajv2020({ allErrors: true, strict: false, code: { regExp } });
  formats.default.default(ajv);
  return (schema) => ajv.compile(schema);
}

// JSON Schema reads patterns as those of Unicode; zod writes what it was given, in which `\-` may stand.
const regExp = Object.assign(
  (pattern: string, flags: string): RegExp => {
    try {
      return new RegExp(pattern, flags);
    } catch {
      return new RegExp(pattern);
    }
  },
  { code: 'new RegExp' }, // for code that is written to a file, which ours is not
);

const cache = new WeakMap<JobDefinition, KnownJob>();

function fromClass(definition: JobDefinition): KnownJob {
  const known = cache.get(definition);
  if (known !== undefined) return known;
  const { name, queue, attempts, backoff, timeoutMs, onWorkerLost, payload } = definition;
  const job: KnownJob = {
    name,
    queue,
    attempts,
    backoff,
    timeoutMs,
    onWorkerLost,
    parse: (value, at) => {
      assertNoEntities(value, at);
      return payload.parse(value, at);
    },
  };
  cache.set(definition, job);
  return job;
}

function issueOf(error: ErrorObject, at: string): PayloadIssue {
  const inner = error.instancePath.split('/').slice(1);
  const extra: unknown =
    error.keyword === 'additionalProperties'
      ? error.params['additionalProperty']
      : error.keyword === 'required'
        ? error.params['missingProperty']
        : undefined;
  const path = [at, ...inner, ...(typeof extra === 'string' ? [extra] : [])].join('.');
  return { path, message: error.message ?? 'does not fit the schema' };
}
