import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DispatchModule } from '../dispatch/index.js';
import { JobsModule } from '../jobs/index.js';
import { LedgerModule } from '../ledger/index.js';
import { MailModule } from '../mail/index.js';
import { TasksModule } from '../tasks/index.js';
import { Attention } from './attention.js';
import { AttentionEvents } from './attention-events.js';
import { AttentionWatch } from './attention-watch.js';
import { ChooseMail } from './choose-mail.js';
import { DEFAULT_DIGEST_POLICY, DIGEST_POLICY } from './digest-policy.js';
import { FailedTaskViews } from './failed-task-view.js';
import { FailedTasks } from './failed-tasks.js';
import { FailureChain } from './failure-chain.js';
import { FailureDigest } from './failure-digest.js';
import { FailureLinks } from './failure-links.js';
import { FailureSweeper } from './failure-sweeper.js';
import { Failures } from './failures.js';
import { NotifyAdmins } from './notify-admins.js';
import { RecordFailedTask } from './record-failed-task.js';
import { Retention } from './retention.js';
import { RetryFailedJob } from './retry-failed.job.js';
import { RetryMany } from './retry-many.js';
import { RetryOne } from './retry-one.js';
import { RunLinks } from './run-links.js';

/** What happens after the last attempt, and what may be done about it. */
@Module({
  imports: [DiscoveryModule, JobsModule, LedgerModule, MailModule, TasksModule, DispatchModule],
  providers: [
    { provide: DIGEST_POLICY, useValue: DEFAULT_DIGEST_POLICY },
    Attention,
    AttentionEvents,
    AttentionWatch,
    ChooseMail,
    FailedTaskViews,
    FailedTasks,
    FailureChain,
    FailureDigest,
    FailureLinks,
    FailureSweeper,
    Failures,
    NotifyAdmins,
    RecordFailedTask,
    Retention,
    RetryFailedJob,
    RetryMany,
    RetryOne,
    RunLinks,
  ],
  exports: [Attention, FailedTasks, Failures],
})
export class FailuresModule {}
