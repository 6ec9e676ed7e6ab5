import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ShiftworkModule } from '../../src/app/index.js';
import { loadSettings } from '../../src/config/index.js';
import { Postgres } from '../../src/postgres/index.js';
import { Tasks } from '../../src/tasks/index.js';
import { Telemetry } from '../../src/telemetry/index.js';
import { environmentOf } from './servers.js';

export interface InProcess {
  readonly tasks: Tasks;
  readonly postgres: Postgres;
  close(): Promise<void>;
}

/** Shiftwork as a module of this very process, with no role: what a host app has that only enqueues. */
export async function openInProcess(appName: string): Promise<InProcess> {
  const { settings } = loadSettings({ ...environmentOf(appName), RELEASE: 'r1', SHUTDOWN_GRACE: '5' }, []);
  const app = await NestFactory.createApplicationContext(
    ShiftworkModule.forRoot({ settings, telemetry: new Telemetry() }),
    { logger: false, abortOnError: false },
  );
  return {
    tasks: app.get(Tasks, { strict: false }),
    postgres: app.get(Postgres, { strict: false }),
    close: () => app.close(),
  };
}
