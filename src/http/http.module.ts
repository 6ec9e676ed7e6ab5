import { type DynamicModule, Module } from '@nestjs/common';
import { ClockModule } from '../clock/index.js';
import { ControlModule } from '../control/index.js';
import { FailuresModule } from '../failures/index.js';
import { TasksModule } from '../tasks/index.js';
import { RequestGate } from './access/request-gate.js';
import { RestGuard } from './access/rest.guard.js';
import { RouteTable } from './access/route-table.js';
import { ControlController } from './controllers/control.controller.js';
import { FailedTasksController } from './controllers/failed-tasks.controller.js';
import { HealthController } from './controllers/health.controller.js';
import { JobsController } from './controllers/jobs.controller.js';
import { MetricsController } from './controllers/metrics.controller.js';
import { ProcessesController } from './controllers/processes.controller.js';
import { QueuesController } from './controllers/queues.controller.js';
import { SchedulesController } from './controllers/schedules.controller.js';
import { TaskEventsController } from './controllers/task-events.controller.js';
import { TasksController } from './controllers/tasks.controller.js';
import { ApiDocument } from './docs/api-document.js';
import { DocsController } from './docs/docs.controller.js';
import { ProblemDetailsFilter } from './errors/problem-details.filter.js';
import { HTTP_OPTIONS, type HttpOptions } from './http-options.js';
import { Metrics } from './metrics/metrics.js';
import { RequestsInFlight } from './requests-in-flight.js';
import { LongPoll } from './streams/long-poll.js';
import { OpenEnds } from './streams/open-ends.js';
import { WebDrainable } from './web-drainable.js';

/** The role web: REST over the rooms below. */
@Module({})
export class HttpModule {
  /**
   * Default: SHIFTWORK_TOKENS decide who may. `isAppOurs`: then its document is ours as well; in a host app /docs is the host's,
   * and Fastify would not start with two of them.
   */
  static of(options: HttpOptions = { auth: 'tokens' }, isAppOurs = false): DynamicModule {
    return {
      module: HttpModule,
      imports: [TasksModule, FailuresModule, ClockModule, ControlModule],
      controllers: [
        JobsController,
        TasksController,
        TaskEventsController,
        QueuesController,
        ProcessesController,
        FailedTasksController,
        SchedulesController,
        ControlController,
        HealthController,
        MetricsController,
        ...(isAppOurs ? [DocsController] : []),
      ],
      providers: [
        { provide: HTTP_OPTIONS, useValue: options },
        RequestGate,
        RestGuard,
        RouteTable,
        ProblemDetailsFilter,
        ApiDocument,
        Metrics,
        RequestsInFlight,
        OpenEnds,
        LongPoll,
        WebDrainable,
      ],
    };
  }
}
