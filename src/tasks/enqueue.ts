import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asError, MOST_FAULTS, newId, type JsonValue } from '../foundation/index.js';
import { InvalidPayloadError, type JobClass } from '../jobs/index.js';
import { AcceptTasks, ReadTasks, type Accepted, type NewTask } from '../ledger/index.js';
import { CommitHook } from '../postgres/index.js';
import { Acceptance } from './acceptance.js';
import { BacklogGuard, type EnqueueWarning } from './backlog-guard.js';
import { checkOptions, dueAtOf, requestHash, type EnqueueOptions } from './enqueue-options.js';
import { KnownJobs, type KnownJob } from './known-jobs.js';
import { checkPayload, type CheckedPayload } from './payload-check.js';
import { IdempotencyKeyReusedError, InvalidOptionsError } from './task-errors.js';
import { TaskViews, type TaskView } from './task-view.js';

/** What the caller gets: the task, what it should know, and whether its idempotency key had been used before. */
export interface EnqueuedTask extends TaskView {
  readonly warnings: readonly EnqueueWarning[];
  readonly isNew: boolean;
}

export interface EnqueuedMany {
  /** In the order of the payloads. */
  readonly ids: readonly string[];
  readonly warnings: readonly EnqueueWarning[];
}

/**
 * From a request to an accepted task: which job, is the payload right, is there room, into the ledger, into Redis.
 * REST, code, the CLI, the clock and an admin's retry all come through here.
 */
@Injectable()
export class Enqueue {
  constructor(
    private readonly jobs: KnownJobs,
    private readonly guard: BacklogGuard,
    private readonly acceptance: Acceptance,
    private readonly ledger: AcceptTasks,
    private readonly reads: ReadTasks,
    private readonly commits: CommitHook,
    private readonly views: TaskViews,
  ) {}

  /** When it resolves the task is committed, or, with `options.transaction`, will be with the caller's rows. */
  async one(
    jobName: string | JobClass,
    payload: unknown,
    options: EnqueueOptions = {},
  ): Promise<EnqueuedTask> {
    const job = await this.jobs.get(jobName);
    checkOptions(options);
    const checked = await checkPayload(job, payload, 'payload');
    await this.views.ready(job.name);
    const task = newTask(job, checked, options);
    try {
      if (!this.guard.tookRoom(job.queue, 1)) await this.guard.takeRoom(job.queue, 1);
    } catch (refusal) {
      return this.repeated(task, refusal, options.transaction);
    }
    try {
      return await this.inRoom(task, checked, options);
    } finally {
      this.guard.settled(job.queue, 1);
    }
  }

  /** Many payloads of one job: all are accepted in one transaction, or none. */
  async many(
    jobName: string | JobClass,
    payloads: readonly unknown[],
    options: EnqueueOptions = {},
  ): Promise<EnqueuedMany> {
    const job = await this.jobs.get(jobName);
    checkOptions(options);
    if (options.idempotencyKey !== undefined)
      throw new InvalidOptionsError([
        { path: 'options.idempotencyKey', message: 'belongs to one task; a bulk request has many' },
      ]);
    const tasks = await this.checkAll(job, payloads, options);
    await this.guard.takeRoom(job.queue, tasks.length);
    try {
      return await this.manyInRoom(job.queue, tasks, options);
    } finally {
      this.guard.settled(job.queue, tasks.length);
    }
  }

  /** A copy of a task: same job, payload and options. The stored payload was checked when it was accepted. */
  async again(id: string, copy: Omit<NewTask, 'id'>, payload: JsonValue): Promise<EnqueuedTask> {
    const task = { ...copy, id };
    await this.views.ready(task.job);
    await this.guard.takeRoom(task.queue, 1);
    try {
      return await this.inRoom(task, { text: task.payloadText, value: payload }, {});
    } finally {
      this.guard.settled(task.queue, 1);
    }
  }

  private async inRoom(
    task: NewTask,
    checked: CheckedPayload,
    { requireWorker, transaction }: EnqueueOptions,
  ): Promise<EnqueuedTask> {
    if (requireWorker === true) {
      const refusal = await this.guard.requireWorker(task.queue).then(() => null, asError);
      if (refusal !== null) return this.repeated(task, refusal, transaction);
    }
    if (transaction !== undefined) return this.inTransaction(transaction, task, checked);
    const warnings = this.guard.warnings(task.queue);
    const accepted = await this.acceptance.accept(task);
    return this.answer(task, accepted, checked, await warnings);
  }

  private async manyInRoom(
    queue: string,
    tasks: readonly NewTask[],
    { requireWorker, transaction }: EnqueueOptions,
  ): Promise<EnqueuedMany> {
    if (requireWorker === true) await this.guard.requireWorker(queue);
    if (transaction !== undefined) {
      await this.ledger.acceptIn(transaction, tasks);
      this.commits.afterCommit(transaction, () => void this.acceptance.dispatch(tasks));
      return { ids: tasks.map((task) => task.id), warnings: [] };
    }
    const [accepted, warnings] = await Promise.all([
      this.acceptance.acceptAll(tasks),
      this.guard.warnings(queue),
    ]);
    return { ids: accepted.map((each) => each.id), warnings };
  }

  private async inTransaction(
    manager: EntityManager,
    task: NewTask,
    checked: CheckedPayload,
  ): Promise<EnqueuedTask> {
    const [accepted] = await this.ledger.acceptIn(manager, [task]);
    if (accepted === undefined) throw new Error('unreachable: one outcome per task');
    if (accepted.isNew) {
      this.commits.afterCommit(manager, () => void this.acceptance.dispatch([task]));
      return this.fresh(task, accepted, checked, []);
    }
    return this.replay(accepted.id, task, [], manager);
  }

  private answer(
    task: NewTask,
    accepted: Accepted,
    checked: CheckedPayload,
    warnings: readonly EnqueueWarning[],
  ): EnqueuedTask | Promise<EnqueuedTask> {
    return accepted.isNew
      ? this.fresh(task, accepted, checked, warnings)
      : this.replay(accepted.id, task, warnings);
  }

  private fresh(
    task: NewTask,
    accepted: Accepted,
    checked: CheckedPayload,
    warnings: readonly EnqueueWarning[],
  ): EnqueuedTask {
    const view = this.views.fresh(task, checked.value, accepted.createdAt);
    return Object.assign(view, { warnings, isNew: true }); // not a copy: the view has some thirty fields
  }

  private async replay(
    id: string,
    task: NewTask,
    warnings: readonly EnqueueWarning[],
    manager?: EntityManager,
  ): Promise<EnqueuedTask> {
    const row = await this.reads.byId(id, manager);
    if (row === null || row.requestHash !== task.requestHash)
      throw new IdempotencyKeyReusedError(task.idempotencyKey ?? '', id);
    return { ...(await this.views.one(row)), warnings, isNew: false };
  }

  // Whoever repeats a request that was accepted gets its task, also while nothing new would be accepted.
  private async repeated(
    task: NewTask,
    refusal: unknown,
    manager: EntityManager | undefined,
  ): Promise<EnqueuedTask> {
    const { job, idempotencyKey } = task;
    const id = idempotencyKey === null ? null : await this.reads.idByKey(job, idempotencyKey);
    if (id === null) throw refusal;
    return this.replay(id, task, [], manager);
  }

  private async checkAll(
    job: KnownJob,
    payloads: readonly unknown[],
    options: EnqueueOptions,
  ): Promise<NewTask[]> {
    const issues: InvalidPayloadError['issues'][number][] = [];
    const tasks: NewTask[] = [];
    for (const [i, payload] of payloads.entries()) {
      try {
        tasks.push(newTask(job, await checkPayload(job, payload, `payloads.${String(i)}`), options));
      } catch (error) {
        if (!(error instanceof InvalidPayloadError)) throw error;
        issues.push(...error.issues);
        if (issues.length >= MOST_FAULTS) break; // the rest would not be told
      }
    }
    if (issues.length > 0) throw new InvalidPayloadError(issues);
    return tasks;
  }
}

function newTask(job: KnownJob, payload: CheckedPayload, options: EnqueueOptions): NewTask {
  return {
    id: newId(),
    job: job.name,
    queue: job.queue,
    payloadText: payload.text,
    priority: options.priority ?? null,
    key: options.key ?? null,
    idempotencyKey: options.idempotencyKey ?? null,
    requestHash: options.idempotencyKey === undefined ? null : requestHash(job.name, payload.value, options),
    attemptsMax: options.attempts ?? job.attempts,
    timeoutMs: options.timeout ?? job.timeoutMs,
    backoff: job.backoff,
    onWorkerLost: job.onWorkerLost,
    dueAt: dueAtOf(options, Date.now()),
    retryOf: options.retryOf ?? null,
  };
}
