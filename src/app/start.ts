import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  isRole,
  loadSettings,
  ROLES,
  type Environment,
  type LoadedSettings,
  type Role,
  type Settings,
} from '../config/index.js';
import { messageOf, ShiftworkError } from '../foundation/index.js';
import { createLifecycle, listenForSignals, type Lifecycle } from '../lifecycle/index.js';
import { migrate, ridingOut } from '../postgres/index.js';
import { PinoLogger, Telemetry } from '../telemetry/index.js';
import { needsGroup, runGroup } from './process-group.js';
import { demandSchema } from './schema-check.js';
import { ShiftworkModule } from './shiftwork.module.js';

export interface StartOptions {
  /** Modules with jobs, failure handlers and schedules. */
  readonly imports?: ModuleMetadata['imports'];
}

/** Exit codes of a boot that did not succeed: settings or code are wrong; a server cannot be reached. */
const EXIT_USAGE = 2;
const EXIT_UNREACHABLE = 3;

/**
 * The ready-made app: `node dist/main.js web|worker|clock`, or several (`web,worker`). Reads the settings, migrates outside
 * of production, boots the roles, owns the signals, and exits with 0 once a SIGTERM has been obeyed to the end.
 */
export async function start(
  argv: readonly string[],
  env: Environment,
  options: StartOptions = {},
): Promise<void> {
  const roles = rolesOf(argv);
  const { settings, warnings } = settingsOf(env, roles);
  const logger = new PinoLogger({
    level: settings.logLevel,
    base: { role: roles.join('+'), release: settings.release, pid: process.pid },
    fd: 1,
  });
  const telemetry = new Telemetry();
  telemetry.addSink(logger.sink);
  if (needsGroup(settings)) {
    runGroup(settings, argv, telemetry);
    return;
  }
  const lifecycle = createLifecycle(settings, telemetry);
  let app: INestApplicationContext | undefined;
  // First of all, so that a signal during the boot is obeyed: until there is an app, nothing needs closing.
  listenForSignals(
    lifecycle.shutdown,
    async () => {
      await app?.close();
    },
    (code) => {
      logger.flush();
      process.exit(code);
    },
  );
  try {
    for (const warning of warnings) telemetry.emit('process.warned', { warning });
    await ridingOut(telemetry, () => prepareSchema(settings, telemetry));
    app = await boot(settings, telemetry, lifecycle, logger, options);
  } catch (error) {
    if (lifecycle.shutdown.isStopping) return; // the boot was cut short on purpose
    telemetry.emit('process.bootFailed', {
      error: messageOf(error),
      stack: error instanceof ShiftworkError ? '' : error instanceof Error ? (error.stack ?? '') : '',
    });
    // A port that is taken is found out last, when tasks may run already: they end as in any shutdown.
    await lifecycle.shutdown.run(() => Promise.resolve(), 'boot failed');
    logger.flush();
    process.exit(isUnreachable(error) ? EXIT_UNREACHABLE : EXIT_USAGE);
  }
}

async function boot(
  settings: Settings,
  telemetry: Telemetry,
  lifecycle: Lifecycle,
  logger: PinoLogger,
  options: StartOptions,
): Promise<INestApplicationContext> {
  const module = ShiftworkModule.forRoot({
    settings,
    telemetry,
    lifecycle,
    ...(options.imports === undefined ? {} : { imports: options.imports }),
  });
  if (!settings.roles.includes('web')) {
    return NestFactory.createApplicationContext(module, { logger, abortOnError: false });
  }
  const { createWebApp, listen } = await import('./web.js');
  const app: NestFastifyApplication = await createWebApp(module, logger);
  await app.init();
  await listen(app, settings, telemetry);
  return app;
}

// In production the platform's release phase migrates, once; elsewhere whoever boots first does.
async function prepareSchema(settings: Settings, telemetry: Telemetry): Promise<void> {
  if (!settings.production) {
    const steps = await migrate(settings);
    if (steps.length > 0) telemetry.emit('postgres.migrated', { steps });
    return;
  }
  await demandSchema(settings);
}

function rolesOf(argv: readonly string[]): Role[] {
  const names = (argv[0] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const unknown = names.filter((name) => !isRole(name));
  if (names.length === 0 || unknown.length > 0 || argv.length > 1) {
    process.stderr.write(
      `Usage: node dist/main.js ROLE[,ROLE]   where ROLE is one of ${ROLES.join(', ')}\nExample: node dist/main.js web,worker\n`,
    );
    process.exit(EXIT_USAGE);
  }
  return [...new Set(names.filter(isRole))];
}

function settingsOf(env: Environment, roles: readonly Role[]): LoadedSettings {
  try {
    return loadSettings(env, roles);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(EXIT_USAGE);
  }
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof ShiftworkError &&
    (error.code === 'ledger-unavailable' || error.code === 'redis-unavailable')
  );
}
