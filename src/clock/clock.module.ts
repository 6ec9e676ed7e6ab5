import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ControlModule } from '../control/index.js';
import { FleetModule } from '../fleet/index.js';
import { JobsModule } from '../jobs/index.js';
import { LedgerModule } from '../ledger/index.js';
import { TasksModule } from '../tasks/index.js';
import { Clock } from './clock.js';
import { Declarations } from './declarations.js';
import { LedgerTime, MachineClocks } from './ledger-time.js';
import { NestScheduleExplorer } from './nest-schedule-explorer.js';
import { NestSchedule } from './nest-schedule.js';
import { NoClockWatch } from './no-clock-watch.js';
import { ScheduleBook } from './schedule-book.js';
import { ScheduleExplorer } from './schedule-explorer.js';
import { ScheduleNudges } from './schedule-nudges.js';
import { SchedulePayloads } from './schedule-payloads.js';
import { Schedules } from './schedules.js';
import { TickEnqueuer } from './tick-enqueuer.js';
import { TickPruner } from './tick-pruner.js';
import { TickTasks } from './tick-tasks.js';

/**
 * Schedules in every process: read, changed, declared, and checked at boot. Only a process with the role `clock` starts the
 * `Clock`; in the others it is there and does nothing.
 */
@Module({
  imports: [DiscoveryModule, ControlModule, JobsModule, LedgerModule, FleetModule, TasksModule],
  providers: [
    Schedules,
    ScheduleNudges,
    SchedulePayloads,
    ScheduleExplorer,
    NestScheduleExplorer,
    NoClockWatch,
    Clock,
    Declarations,
    MachineClocks,
    LedgerTime,
    NestSchedule,
    ScheduleBook,
    TickEnqueuer,
    TickPruner,
    TickTasks,
  ],
  exports: [Schedules, Clock, NoClockWatch],
})
export class ClockModule {}
