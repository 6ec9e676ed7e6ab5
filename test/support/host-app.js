// Somebody else's Nest app, with Shiftwork as one of its modules: `node test/support/host-app.js ROLE`. Nest's own hooks
// close it at a SIGTERM, and Nest then ends the process by that signal; with HOST_CLOSES=itself it closes itself, and ends when
// nothing is left to do. Built code only (dist/), as a user has it.
import 'reflect-metadata';
import { setTimeout as rest } from 'node:timers/promises';
import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { z } from 'zod';
import { JobHandler, loadSettings, Postgres, ShiftworkModule, Telemetry } from '../../dist/index.js';
import { migrate } from '../../dist/postgres/index.js';

const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

/** Runs until the test lets it go by a row in its table `released`; a step is a checkpoint, when `checkpoints` is set. */
class Hold {
  constructor(postgres) {
    this.postgres = postgres;
  }
  async run({ checkpoints }, task) {
    const isReleased = { text: `SELECT FROM "${this.postgres.schema}".released WHERE task = $1` };
    let step = task.lastCheckpoint?.step ?? 0;
    while ((await this.postgres.query(isReleased, [task.id])).length === 0) {
      await rest(50, undefined, { signal: task.signal });
      step++;
      if (checkpoints) await task.checkpoint({ step });
    }
    return { step };
  }
}
Inject(Postgres)(Hold, undefined, 0);
JobHandler({ name: 'test.hold', payload: z.object({ checkpoints: z.boolean().default(false) }) })(Hold);

const roles = process.argv[2].split(',');
const { settings } = loadSettings(process.env, roles);
await migrate(settings);
const telemetry = new Telemetry();
telemetry.addSink(({ name, fields }) => say(name, fields));

class HostModule {}
Module({ imports: [ShiftworkModule.forRoot({ roles, settings, telemetry })], providers: [Hold] })(HostModule);

const app = await NestFactory.create(HostModule, { logger: ['error', 'fatal'], abortOnError: false });
if (process.env.HOST_CLOSES === 'itself') process.once('SIGTERM', () => void app.close());
else app.enableShutdownHooks();
await app.listen(settings.port, settings.host);
say('process.listening', { url: await app.getUrl() });
