import { type DynamicModule, Logger, Module, type ModuleMetadata } from '@nestjs/common';
import { ClockModule } from '../clock/index.js';
import {
  ConfigModule,
  environment,
  loadSettings,
  type RestAccess,
  type Role,
  type Settings,
} from '../config/index.js';
import { ControlModule } from '../control/index.js';
import { DispatchModule } from '../dispatch/index.js';
import { FailuresModule } from '../failures/index.js';
import { FleetModule } from '../fleet/index.js';
import type { HttpOptions } from '../http/index.js';
import { JobsModule } from '../jobs/index.js';
import { LEDGER_ENTITIES, LedgerModule } from '../ledger/index.js';
import { createLifecycle, LifecycleModule, type Lifecycle } from '../lifecycle/index.js';
import { PostgresModule } from '../postgres/index.js';
import { RedisModule } from '../redis/index.js';
import { TasksModule } from '../tasks/index.js';
import { logSink, Telemetry, TelemetryModule } from '../telemetry/index.js';
import { WorkerModule } from '../worker/index.js';
import { Boot } from './boot.js';
import { SchemaCheck } from './schema-check.js';
import { Wiring } from './wiring.js';

export interface ShiftworkOptions {
  /** What this process is there for. Default: nothing but enqueuing. */
  readonly roles?: readonly Role[];
  /** Default: read from the environment; then a fault throws `SettingsError` from `forRoot`. */
  readonly settings?: Settings;
  /**
   * Who may use REST. Default: SHIFTWORK_TOKENS; without them this machine only, and in production `forRoot` throws `SettingsError`.
   * `{ auth: 'host' }` leaves it to the host app's guards; `false`: no REST.
   */
  readonly http?: HttpOptions | false;
  /** Modules whose providers are jobs, failure handlers and schedules, when they are not imported elsewhere. */
  readonly imports?: ModuleMetadata['imports'];
  /** For the ready-made app, which makes these before Nest so that a signal during the boot finds them. */
  readonly lifecycle?: Lifecycle;
  readonly telemetry?: Telemetry;
}

/**
 * Shiftwork as a module of a Nest app: `imports: [ShiftworkModule.forRoot({ roles: ['web'] })]`. It joins the fleet when
 * the app has booted, and shuts down in `app.close()`: before Nest closes anything of ours, but, unlike in the ready-made
 * app, not before other modules' own `onModuleDestroy` (the README says what that cannot guarantee).
 */
@Module({})
export class ShiftworkModule {
  static forRoot(options: ShiftworkOptions = {}): DynamicModule {
    const telemetry = options.telemetry ?? withLog(new Telemetry());
    const settings = options.settings ?? readSettings(options, telemetry);
    const lifecycle = options.lifecycle ?? createLifecycle(settings, telemetry);
    return {
      module: ShiftworkModule,
      global: true,
      imports: [
        ConfigModule.of(settings),
        TelemetryModule.of(telemetry),
        LifecycleModule.of(lifecycle),
        PostgresModule.with(LEDGER_ENTITIES),
        RedisModule.global,
        FleetModule.global,
        ...rooms(settings, options),
        ...(options.imports ?? []),
      ],
      providers: [Boot, Wiring, ...(options.lifecycle === undefined ? [SchemaCheck] : [])],
      exports: [
        TasksModule,
        FailuresModule,
        ClockModule,
        ControlModule,
        JobsModule,
        LedgerModule,
        DispatchModule,
      ],
    };
  }
}

function readSettings({ roles = [], http }: ShiftworkOptions, telemetry: Telemetry): Settings {
  const { settings, warnings } = loadSettings(environment, roles, restAccess(http));
  for (const warning of warnings) telemetry.emit('process.warned', { warning });
  return settings;
}

function restAccess(http: ShiftworkOptions['http']): RestAccess {
  return http === false ? 'none' : (http?.auth ?? 'tokens');
}

function rooms(settings: Settings, options: ShiftworkOptions): NonNullable<ModuleMetadata['imports']> {
  const always = [
    JobsModule,
    LedgerModule,
    DispatchModule,
    TasksModule,
    FailuresModule,
    ClockModule,
    ControlModule,
  ];
  const web =
    settings.roles.includes('web') && options.http !== false ? [restModule(options), adminModule()] : [];
  const worker = settings.roles.includes('worker') ? [WorkerModule] : [];
  return [...always, ...worker, ...web];
}

// Read from the disk where they serve only: Fastify and OpenAPI are a third of all files, and a worker boots without them.
async function restModule({ http, lifecycle }: ShiftworkOptions): Promise<DynamicModule> {
  const { HttpModule } = await import('../http/index.js');
  return HttpModule.of(http === false ? undefined : http, lifecycle !== undefined);
}

async function adminModule(): Promise<DynamicModule> {
  const { AdminModule } = await import('../admin/index.js');
  return { module: AdminModule };
}

function withLog(telemetry: Telemetry): Telemetry {
  telemetry.addSink(logSink(new Logger('Shiftwork')));
  return telemetry;
}
