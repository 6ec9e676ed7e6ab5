import { Module } from '@nestjs/common';
import { DispatchModule } from '../dispatch/index.js';
import { FailuresModule } from '../failures/index.js';
import { JobsModule } from '../jobs/index.js';
import { LedgerModule } from '../ledger/index.js';
import { TasksModule } from '../tasks/index.js';
import { LostClaims } from './lost-claims.js';
import { RunWrites } from './run-writes.js';
import { RunningTasks } from './running-tasks.js';
import { TaskRunner } from './task-runner.js';
import { UnknownJobs } from './unknown-jobs.js';
import { Worker } from './worker.js';

/** The worker role. */
@Module({
  imports: [JobsModule, LedgerModule, DispatchModule, TasksModule, FailuresModule],
  providers: [Worker, TaskRunner, RunWrites, RunningTasks, LostClaims, UnknownJobs],
  exports: [Worker, UnknownJobs, RunningTasks],
})
export class WorkerModule {}
