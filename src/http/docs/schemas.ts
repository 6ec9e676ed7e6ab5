import { MOST_TIMEOUT_MS } from '../../jobs/index.js';
import { FINAL_STATUSES, TASK_STATUSES } from '../../ledger/index.js';

type Schema = Readonly<Record<string, unknown>>;

const id: Schema = { type: 'string', format: 'uuid' };
const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const ms: Schema = { type: 'integer', minimum: 0, description: 'milliseconds' };
const instant: Schema = { type: 'string', format: 'date-time' };
const flag: Schema = { type: 'boolean' };
const anything: Schema = { description: 'any JSON' };

function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}
function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values };
}
function listOf(items: Schema): Schema {
  return { type: 'array', items };
}
function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}
/** All fields always present: unknown ones are null. */
function answer(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', required: Object.keys(properties), properties };
}
/** What a caller may send: nothing but this. */
function body(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', required, properties, additionalProperties: false };
}

const TASK = {
  id,
  job: text,
  queue: text,
  status: oneOf(...TASK_STATUSES),
  progress: answer({ percent: { type: 'number', minimum: 0, maximum: 100 }, message: orNull(text) }),
  attempts: answer({ made: count, max: count }),
  interruptions: count,
  crashes: count,
  execution: count,
  priority: orNull({ type: 'integer', minimum: 1, maximum: 1000 }),
  payload: anything,
  result: anything,
  error: orNull(ref('Error')),
  checkpoint: anything,
  createdAt: instant,
  runAt: instant,
  startedAt: orNull(instant),
  finishedAt: orNull({ ...instant, description: `set for ${FINAL_STATUSES.join(', ')}` }),
  worker: orNull(id),
  position: orNull({ type: 'integer', minimum: 1, maximum: 1000 }),
  idempotencyKey: orNull(text),
  key: orNull(text),
  retryOf: orNull(id),
};
const WARNINGS = listOf(answer({ code: text, message: text }));
const FILTER_PARTS = { job: text, queue: text, from: instant, to: instant, all: flag };
const PRIORITY = {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  description: '1 comes first; without one: last',
};
const ATTEMPTS = { type: 'integer', minimum: 1, maximum: 1000 };
const TIMEOUT = { ...ms, minimum: 1, maximum: MOST_TIMEOUT_MS };
const OPTIONS = body({
  runAt: instant,
  delay: ms,
  key: { ...text, maxLength: 100, description: 'your own tag, to find the task by' },
  priority: PRIORITY,
  attempts: ATTEMPTS,
  timeout: TIMEOUT,
  idempotencyKey: { ...text, maxLength: 255 },
  requireWorker: { ...flag, description: 'refuse (503) when no live worker serves the queue' },
});
const LOOK = {
  drained: listOf(id),
  busy: listOf(
    answer({
      process: id,
      host: text,
      task: orNull(id),
      job: orNull(text),
      queue: orNull(text),
      since: instant,
    }),
  ),
  silent: listOf(id),
};

/** Every shape of the REST surface, by the names of the protocol. */
export const SCHEMAS = {
  Problem: answer({
    type: text,
    title: text,
    status: count,
    detail: text,
    code: text,
    errors: listOf(answer({ path: text, message: text })),
  }),
  Error: answer({ name: text, message: text, code: orNull(text), stack: orNull(text), at: instant }),
  Execution: answer({
    number: count,
    outcome: oneOf('finished', 'error', 'timeout', 'crashed', 'interrupted', 'cancelled', 'snoozed'),
    worker: orNull(id),
    release: orNull(text),
    startedAt: orNull(instant),
    endedAt: orNull(instant),
    error: orNull(ref('Error')),
  }),
  Task: {
    ...answer(TASK),
    properties: {
      ...TASK,
      executions: { ...listOf(ref('Execution')), description: 'only where one task is asked for' },
    },
  },
  EnqueuedTask: answer({ ...TASK, warnings: WARNINGS }),
  EnqueueOptions: OPTIONS,
  EnqueueBody: body({ payload: anything, options: ref('EnqueueOptions') }, ['payload']),
  BulkBody: body(
    { payloads: { ...listOf(anything), minItems: 1, maxItems: 10_000 }, options: ref('EnqueueOptions') },
    ['payloads'],
  ),
  BulkAccepted: answer({ ids: listOf(id), warnings: WARNINGS }),
  TaskFilter: body(
    {
      filter: body({
        ...FILTER_PARTS,
        status: oneOf('SCHEDULED', 'QUEUED', 'STARTED', 'RETRYING'),
        key: text,
      }),
    },
    ['filter'],
  ),
  Matched: answer({ matched: count }),
  Job: answer({
    name: text,
    queue: text,
    payloadSchema: { type: 'object' },
    attempts: count,
    backoff: answer({ type: oneOf('fixed', 'exponential'), delay: ms }),
    timeout: orNull(ms),
    onWorkerLost: oneOf('rerun', 'fail'),
  }),
  Log: answer({
    at: instant,
    level: oneOf('debug', 'info', 'warn', 'error'),
    message: text,
    execution: count,
  }),
  Queue: answer({
    name: text,
    paused: flag,
    pausedBy: orNull(text),
    pausedAt: orNull(instant),
    backlog: { ...count, description: 'due and waiting' },
    latency: { ...ms, description: 'age of the oldest waiting task, ms' },
    running: count,
    scheduled: count,
    retrying: count,
    workers: count,
    slots: count,
    limit: orNull(count),
  }),
  Process: answer({
    id,
    roles: listOf(oneOf('web', 'worker', 'clock')),
    host: text,
    pid: count,
    release: text,
    state: oneOf('running', 'quiet', 'draining'),
    queues: listOf(text),
    concurrency: { type: 'object', additionalProperties: count },
    jobs: listOf(text),
    running: listOf(answer({ task: id, job: text, queue: text, since: instant })),
    unrecorded: count,
    fetches: count,
    bootedAt: instant,
    heartbeatAt: instant,
    loopLag: ms,
  }),
  FailedTask: {
    type: 'object',
    properties: {
      id,
      task: id,
      job: text,
      queue: text,
      key: orNull(text),
      state: oneOf('OPEN', 'RETRIED', 'RESOLVED', 'DISMISSED'),
      kind: oneOf('error', 'timeout', 'crashed'),
      fingerprint: text,
      error: ref('Error'),
      attempts: {
        ...listOf(ref('Execution')),
        description: 'only where one FailedTask is asked for, as payload and audit',
      },
      payload: anything,
      retriedAs: orNull(id),
      handledBy: orNull(text),
      failedAt: instant,
      audit: listOf(answer({ at: instant, who: text, action: text, reason: orNull(text) })),
    },
  },
  FailureGroup: answer({
    fingerprint: text,
    job: text,
    queue: text,
    kind: oneOf('error', 'timeout', 'crashed'),
    message: text,
    open: count,
    total: count,
    firstAt: instant,
    lastAt: instant,
    latest: id,
  }),
  RetryBody: body({ payload: { ...anything, description: 'another payload in place of the old one' } }),
  Retried: answer({ failedTask: ref('FailedTask'), task: ref('Task') }),
  FailureFilter: body({ filter: body({ ...FILTER_PARTS, fingerprint: text }) }, ['filter']),
  BulkRetried: answer({ task: id, matched: count }),
  BulkDismissBody: body({ filter: body({ ...FILTER_PARTS, fingerprint: text }), reason: text }, ['filter']),
  DismissBody: body({ reason: text }),
  Schedule: {
    type: 'object',
    properties: {
      name: text,
      kind: oneOf('task', 'method'),
      job: text,
      payload: anything,
      options: { type: 'object' },
      cron: orNull(text),
      every: orNull(ms),
      at: orNull(instant),
      timeZone: text,
      misfire: oneOf('skip', 'once', 'all'),
      misfireLimit: count,
      misfireGrace: ms,
      overlap: oneOf('allow', 'skip'),
      enabled: flag,
      disabledBy: orNull(oneOf('person', 'code')),
      source: oneOf('code', 'api'),
      nextAt: orNull(instant),
      last: orNull(ref('Tick')),
    },
  },
  ScheduleBody: {
    type: 'object',
    required: ['job'],
    description: 'exactly one of cron, every and at',
    properties: {
      job: text,
      payload: anything,
      cron: text,
      every: { ...ms, minimum: 1000 },
      at: instant,
      timeZone: text,
      misfire: oneOf('skip', 'once', 'all'),
      misfireLimit: {
        ...count,
        minimum: 1,
        maximum: 1_000,
        description: 'most ticks that "all" makes up for',
      },
      misfireGrace: ms,
      overlap: oneOf('allow', 'skip'),
      enabled: flag,
      options: body({ key: text, priority: PRIORITY, attempts: ATTEMPTS, timeout: TIMEOUT }),
    },
  },
  Tick: answer({
    schedule: text,
    dueAt: instant,
    until: orNull(instant),
    count,
    outcome: oneOf('fired', 'coalesced', 'skipped', 'missed', 'failed'),
    task: orNull(id),
    lateBy: orNull(ms),
    reason: orNull(text),
  }),
  DrainBody: body({
    roles: listOf(oneOf('web', 'worker', 'clock')),
    timeout: { ...ms, default: 60_000 },
    hold: { ...ms, default: 900_000 },
  }),
  Verdict: answer({ safe: flag, wish: text, release: text, heldUntil: orNull(instant), ...LOOK }),
  Resumed: answer({ resumed: listOf(id) }),
  Live: answer({ status: oneOf('ok') }),
  Ready: answer({
    status: oneOf('ok', 'degraded', 'down'),
    checks: answer({
      postgres: oneOf('up', 'down'),
      redis: oneOf('up', 'down'),
      state: oneOf('running', 'quiet', 'draining'),
    }),
  }),
} as const;

export type SchemaName = keyof typeof SCHEMAS;
