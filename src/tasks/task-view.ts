import { Injectable } from '@nestjs/common';
import type { JsonValue } from '../foundation/index.js';
import { JobRegistry, redactSecrets } from '../jobs/index.js';
import {
  JobDefinitions,
  ReadTasks,
  type ErrorJson,
  type ExecutionOutcome,
  type ExecutionRow,
  type NewTask,
  type TaskRow,
  type TaskStatus,
} from '../ledger/index.js';

/** An execution as people read it. */
export interface ExecutionView {
  readonly number: number;
  readonly outcome: ExecutionOutcome;
  readonly worker: string | null;
  readonly release: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string;
  readonly error: ErrorJson | null;
}

/** A task as people read it: PROTOCOL `Task`. Instants ISO 8601 UTC; secret fields of the payload redacted. */
export interface TaskView {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  readonly status: TaskStatus;
  readonly progress: { readonly percent: number; readonly message: string | null };
  readonly attempts: { readonly made: number; readonly max: number };
  readonly interruptions: number;
  readonly crashes: number;
  readonly execution: number;
  readonly priority: number | null;
  readonly payload: JsonValue;
  readonly result: JsonValue;
  readonly error: ErrorJson | null;
  readonly checkpoint: JsonValue;
  readonly createdAt: string;
  readonly runAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly worker: string | null;
  readonly position: number | null;
  readonly idempotencyKey: string | null;
  readonly key: string | null;
  readonly retryOf: string | null;
}

/** A task with its history, as `GET /tasks/:id` answers it. */
export interface TaskWithExecutions extends TaskView {
  readonly executions: readonly ExecutionView[];
}

/** Ledger rows → what people read. Knows which payload fields are secret, also of jobs whose class is not in this process. */
@Injectable()
export class TaskViews {
  private readonly secretPaths = new Map<string, readonly string[]>();

  constructor(
    private readonly registry: JobRegistry,
    private readonly definitions: JobDefinitions,
    private readonly tasks: ReadTasks,
  ) {}

  async one(row: TaskRow): Promise<TaskView> {
    const [secretPaths, position] = await Promise.all([
      this.secretsOf(row.job),
      row.status === 'QUEUED' ? this.tasks.position(row.id) : null,
    ]);
    return view(row, secretPaths, position);
  }

  async withExecutions(row: TaskRow): Promise<TaskWithExecutions> {
    const [task, executions] = await Promise.all([this.one(row), this.tasks.executions(row.id)]);
    return { ...task, executions: executions.map(executionView) };
  }

  /** For lists: without positions, which would cost a query each. */
  async many(rows: readonly TaskRow[]): Promise<TaskView[]> {
    for (const job of new Set(rows.map((row) => row.job))) await this.secretsOf(job);
    return rows.map((row) => view(row, this.secretPaths.get(row.job) ?? [], null));
  }

  /** A task that was accepted this moment, without reading it back. Its job is `ready`. */
  fresh(task: NewTask, payload: JsonValue, createdAt: Date): TaskView {
    const secretPaths = this.known(task.job) ?? [];
    const created = createdAt.toISOString();
    return {
      id: task.id,
      job: task.job,
      queue: task.queue,
      status: task.dueAt === null ? 'QUEUED' : 'SCHEDULED',
      progress: { percent: 0, message: null },
      attempts: { made: 0, max: task.attemptsMax },
      interruptions: 0,
      crashes: 0,
      execution: 0,
      priority: task.priority,
      payload: redacted(payload, secretPaths),
      result: null,
      error: null,
      checkpoint: null,
      createdAt: created,
      runAt: task.dueAt?.toISOString() ?? created,
      startedAt: null,
      finishedAt: null,
      worker: null,
      position: null,
      idempotencyKey: task.idempotencyKey,
      key: task.key,
      retryOf: task.retryOf,
    };
  }

  /** Reads the secret fields of a job for `fresh`; no promise where its class is in this process. */
  ready(job: string): Promise<unknown> | undefined {
    return this.registry.find(job) === undefined ? this.secretsOf(job) : undefined;
  }

  /**
   * The secret fields of a job; one that nobody has registered has none that we know of. Without its class the ledger is asked each
   * time: a newer release may have marked another field.
   */
  async secretsOf(job: string): Promise<readonly string[]> {
    const paths =
      this.registry.find(job)?.secretPaths ?? (await this.definitions.find(job))?.secretPaths ?? [];
    this.secretPaths.set(job, paths);
    return paths;
  }

  private known(job: string): readonly string[] | undefined {
    return this.registry.find(job)?.secretPaths ?? this.secretPaths.get(job);
  }
}

function view(row: TaskRow, secretPaths: readonly string[], position: number | null): TaskView {
  return {
    id: row.id,
    job: row.job,
    queue: row.queue,
    status: row.status,
    progress: { percent: row.progressPercent, message: row.progressMessage },
    attempts: { made: row.attemptsMade, max: row.attemptsMax },
    interruptions: row.interruptions,
    crashes: row.crashes,
    execution: row.execution,
    priority: row.priority,
    payload: redacted(row.payload, secretPaths),
    result: row.result,
    error: row.error,
    checkpoint: row.checkpoint,
    createdAt: row.createdAt.toISOString(),
    runAt: row.runAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    worker: row.worker,
    position,
    idempotencyKey: row.idempotencyKey,
    key: row.key,
    retryOf: row.retryOf,
  };
}

function redacted(payload: JsonValue, secretPaths: readonly string[]): JsonValue {
  return secretPaths.length === 0 ? payload : (redactSecrets(payload, secretPaths) as JsonValue); // JSON in, JSON out
}

export function executionView(row: ExecutionRow): ExecutionView {
  return {
    number: row.number,
    outcome: row.outcome,
    worker: row.worker,
    release: row.release,
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt.toISOString(),
    error: row.error,
  };
}
