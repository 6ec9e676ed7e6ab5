import { Module } from '@nestjs/common';
import { DispatchModule } from '../dispatch/index.js';
import { JobsModule } from '../jobs/index.js';
import { LedgerModule } from '../ledger/index.js';
import { Acceptance } from './acceptance.js';
import { BacklogGuard } from './backlog-guard.js';
import { Cancel } from './cancel.js';
import { Enqueue } from './enqueue.js';
import { FollowTask } from './follow-task.js';
import { Handover } from './handover.js';
import { KnownJobs } from './known-jobs.js';
import { Membership } from './membership.js';
import { Queues } from './queues.js';
import { Rescuer } from './rescuer.js';
import { TaskFeed } from './task-feed.js';
import { TaskViews } from './task-view.js';
import { Tasks } from './tasks.js';

const OPEN = [
  Tasks,
  Queues,
  TaskFeed,
  TaskViews,
  KnownJobs,
  BacklogGuard,
  Acceptance,
  Handover,
  Membership,
  Rescuer,
];

/** The front desk. */
@Module({
  imports: [JobsModule, LedgerModule, DispatchModule],
  providers: [...OPEN, Cancel, Enqueue, FollowTask],
  exports: OPEN,
})
export class TasksModule {}
