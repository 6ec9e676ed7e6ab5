import 'reflect-metadata';
import { BullModule, InjectQueue, Process, Processor } from '@nestjs/bull';
import { type DynamicModule, type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type Bull from 'bull';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigModule, loadSettings, type Role } from '../../../src/config/index.js';
import { ForeignProcessors } from '../../../src/dispatch/foreign-processors.js';
import { deleteKeys, environmentOf, redisUrl, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let prefix: string;
let ran: string[];
const apps: INestApplicationContext[] = [];
beforeEach(() => {
  prefix = uniqueAppName();
  ran = [];
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await deleteKeys(prefix);
});

/** A user's processor, as @nestjs/bull knows it. */
@Processor('letters')
class Letters {
  @Process('print')
  print(job: Bull.Job<{ who: string }>): void {
    ran.push(job.data.who);
  }
}

@Injectable()
class Printing {
  constructor(@InjectQueue('letters') readonly queue: Bull.Queue) {}
}

/** Ours, as the dispatch room provides it. */
@Module({ providers: [ForeignProcessors] })
class Ours {}

@Module({ providers: [Letters, Printing] })
class Users {}

@Module({})
class Host {}

function hostApp(roles: Role[], bullPrefix: string, oursFirst: boolean): DynamicModule {
  const { settings } = loadSettings(
    { ...environmentOf('shiftwork'), SHIFTWORK_TOKENS: `admin:${'x'.repeat(32)}`, LOG_LEVEL: 'silent' },
    roles,
  );
  const users = {
    module: Users,
    imports: [BullModule.registerQueue({ name: 'letters', url: redisUrl(), prefix: bullPrefix })],
  };
  const ours = { module: Ours, imports: [ConfigModule.of(settings)] };
  return { module: Host, imports: oursFirst ? [ours, users] : [users, ours] };
}

async function run(roles: Role[], { bullPrefix = prefix, oursFirst = true } = {}): Promise<Bull.Queue> {
  const app = await NestFactory.createApplicationContext(hostApp(roles, bullPrefix, oursFirst), {
    logger: false,
    abortOnError: false,
  });
  apps.push(app);
  return app.get(Printing, { strict: false }).queue;
}

describe("the user's own @Processor", () => {
  it('works in the worker role', async () => {
    const queue = await run(['worker']);
    await queue.add('print', { who: 'ann' });
    await waitFor('the job', () => ran.includes('ann'));
  });

  it.each([true, false])(
    'does nothing in the web (our module first: %s): the job waits for a worker',
    async (oursFirst) => {
      const web = await run(['web'], { oursFirst });
      await web.add('print', { who: 'bob' });
      expect(await web.getWaitingCount()).toBe(1);
      expect((web as unknown as { handlers: object }).handlers).toEqual({}); // Bull's own list: nobody has registered
      await run(['worker']);
      await waitFor('the job', () => ran.includes('bob')); // Proven: without the gate the web prints it, and the list is not empty.
    },
  );

  it("is refused on keys of Shiftwork's own, with what to write instead", async () => {
    await expect(run(['worker'], { bullPrefix: '{shiftwork:letters}' })).rejects.toThrow(
      /prefix "\{shiftwork:letters\}".*prefix: 'bull'/,
    );
  });
});
