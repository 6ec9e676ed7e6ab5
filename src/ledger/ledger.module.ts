import { Module } from '@nestjs/common';
import { AcceptKeyed } from './accept-keyed.js';
import { AcceptTasks } from './accept-tasks.js';
import { AttentionChecks } from './attention-checks.js';
import { CancelTasks } from './cancel-tasks.js';
import { Digests } from './digests.js';
import { DismissFailedTasks } from './dismiss-failed-tasks.js';
import { Executions } from './executions.js';
import { HandOver } from './hand-over.js';
import { JobDefinitions } from './job-definitions.js';
import { Outbox } from './outbox.js';
import { PendingFailures } from './pending-failures.js';
import { Processes } from './processes.js';
import { Prune } from './prune.js';
import { QueueStates } from './queue-states.js';
import { ReadFailedTasks } from './read-failed-tasks.js';
import { ReadTasks } from './read-tasks.js';
import { RecordFailedTasks } from './record-failed-tasks.js';
import { RecordProgress } from './record-progress.js';
import { RetryFailedTasks } from './retry-failed-tasks.js';
import { ScheduleRecords } from './schedules.js';
import { StartedBy } from './started-by.js';
import { TaskLogs } from './task-logs.js';
import { TickRecords } from './ticks.js';
import { Undispatched } from './undispatched.js';
import { WaitingMoves } from './waiting-moves.js';

const VERBS = [
  AcceptKeyed,
  AcceptTasks,
  AttentionChecks,
  CancelTasks,
  Digests,
  DismissFailedTasks,
  PendingFailures,
  Prune,
  ReadFailedTasks,
  RecordFailedTasks,
  RetryFailedTasks,
  Executions,
  HandOver,
  JobDefinitions,
  Outbox,
  Processes,
  QueueStates,
  ReadTasks,
  RecordProgress,
  ScheduleRecords,
  StartedBy,
  TaskLogs,
  TickRecords,
  Undispatched,
  WaitingMoves,
];

/** Provides the ledger's verbs. */
@Module({ providers: VERBS, exports: VERBS })
export class LedgerModule {}
