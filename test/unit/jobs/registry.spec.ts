import { Injectable, Module, Scope, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Expose } from 'class-transformer';
import { IsString } from 'class-validator';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  assertNoEntities,
  DoNotRetry,
  DuplicateJobError,
  type Job,
  JobHandler,
  JobRegistry,
  JobsModule,
  MissingPayloadError,
  MOST_TIMEOUT_MS,
  NoPayload,
  redactSecrets,
  Secret,
  Snooze,
  type TaskContext,
  UnknownJobError,
} from '../../../src/jobs/index.js';

class GreetPayload {
  @IsString() name!: string;
}

@Injectable()
class Greeting {
  readonly word = 'Hello';
}

@JobHandler({ name: 'greet', payload: GreetPayload })
class GreetJob implements Job<GreetPayload, string> {
  constructor(private readonly greeting: Greeting) {}
  run(payload: GreetPayload): string {
    return `${this.greeting.word} ${payload.name}${payload instanceof GreetPayload ? '!' : '?'}`;
  }
}

@JobHandler({
  name: 'mail.send',
  queue: 'mail',
  payload: NoPayload,
  attempts: 7,
  backoff: { type: 'fixed', delay: 5 },
  timeout: 9,
  onWorkerLost: 'fail',
  exclusive: true,
})
class MailJob implements Job<NoPayload> {
  run(): void {
    return;
  }
}

class RenamedPayload {
  @Expose({ name: 'api_token' }) @Secret() @IsString() apiToken!: string;
}

@JobHandler({ name: 'renamed', payload: RenamedPayload })
class RenamedJob implements Job<RenamedPayload, string> {
  run({ apiToken }: RenamedPayload): string {
    return apiToken;
  }
}

const noContext = {} as TaskContext; // these jobs do not look at it

async function boot(...providers: Type[]): Promise<JobRegistry> {
  return bootModules(moduleOf(providers));
}

async function bootModules(...imports: Type[]): Promise<JobRegistry> {
  @Module({ imports: [JobsModule, ...imports] })
  class App {}
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  const registry = app.get(JobRegistry);
  await app.close();
  return registry;
}

function moduleOf(providers: Type[]): Type {
  @Module({ providers })
  class Jobs {}
  return Jobs;
}

describe('the job registry at boot', () => {
  it('finds decorated providers, injected as usual, with the defaults filled in', async () => {
    const registry = await boot(GreetJob, Greeting, MailJob);
    expect(registry.all().map((job) => job.name)).toEqual(['greet', 'mail.send']);
    expect(registry.of(GreetJob)).toMatchObject({
      name: 'greet',
      queue: 'default',
      attempts: 3,
      backoff: { type: 'exponential', delay: 1_000 },
      timeoutMs: null,
      onWorkerLost: 'rerun',
      exclusive: false,
      secretPaths: [],
    });
    expect(registry.get('mail.send')).toMatchObject({
      queue: 'mail',
      attempts: 7,
      backoff: { type: 'fixed', delay: 5 },
      timeoutMs: 9,
      onWorkerLost: 'fail',
      exclusive: true,
    });
  });

  it('runs the handler with stored JSON as an instance of its DTO', async () => {
    const registry = await boot(GreetJob, Greeting);
    await expect(registry.get('greet').run({ name: 'Ada' }, noContext)).resolves.toBe('Hello Ada!');
  });

  it('knows a property by the name under which it is sent', async () => {
    const job = (await boot(RenamedJob)).get('renamed');
    const sent = { api_token: 'S-12345' };
    expect(await job.run(await job.payload.parse(sent), noContext)).toBe('S-12345');
    expect(job.payloadSchema).toMatchObject({ required: ['api_token'] });
    // The transformer takes its own name as well.
    for (const each of [sent, { apiToken: 'S-12345' }])
      expect(JSON.stringify(redactSecrets(each, job.secretPaths))).not.toContain('S-12345');
  });

  it('answers an unknown name with the ones it knows', async () => {
    const registry = await boot(GreetJob, Greeting);
    expect(registry.find('nope')).toBeUndefined();
    expect(() => registry.get('nope')).toThrow(UnknownJobError);
    expect(() => registry.get('nope')).toThrow(/Known jobs: greet/);
  });

  it('answers a class that nobody provides with the line to add', async () => {
    const registry = await boot(GreetJob, Greeting);
    expect(() => registry.of(MailJob)).toThrow('providers: [MailJob]');
  });
});

describe('the boot is refused, and the message names the line to add, for', () => {
  it('two classes of one name', async () => {
    @JobHandler({ name: 'greet', payload: NoPayload })
    class OtherJob implements Job<NoPayload> {
      run(): void {
        return;
      }
    }
    await expect(boot(GreetJob, Greeting, OtherJob)).rejects.toThrow(DuplicateJobError);
    await expect(boot(GreetJob, Greeting, OtherJob)).rejects.toThrow(/"greet": GreetJob and OtherJob/);
  });

  it('one class in two modules', async () => {
    await expect(bootModules(moduleOf([MailJob]), moduleOf([MailJob]))).rejects.toThrow('exports: [MailJob]');
  });

  it('a job without a payload type', async () => {
    class SendJob {
      run(): void {
        return;
      }
    }
    JobHandler({ name: 'send', payload: undefined as unknown as typeof NoPayload })(SendJob); // as JavaScript could
    await expect(boot(SendJob)).rejects.toThrow(MissingPayloadError);
    await expect(boot(SendJob)).rejects.toThrow('payload: SendPayload');
  });

  it('a payload class without validators', async () => {
    class BarePayload {
      name!: string;
    }
    @JobHandler({ name: 'bare', payload: BarePayload })
    class BareJob implements Job<BarePayload> {
      run(): void {
        return;
      }
    }
    await expect(boot(BareJob)).rejects.toThrow('@IsString()');
  });

  it('a class without run', async () => {
    class IdleJob {
      readonly isIdle = true;
    }
    JobHandler({ name: 'idle', payload: NoPayload })(IdleJob as unknown as typeof MailJob); // as JavaScript could
    await expect(boot(IdleJob)).rejects.toThrow('async run(payload, task)');
  });

  it('a request-scoped job', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class ScopedDependency {}
    @JobHandler({ name: 'scoped', payload: NoPayload })
    class ScopedJob implements Job<NoPayload> {
      constructor(readonly dependency: ScopedDependency) {}
      run(): void {
        return;
      }
    }
    await expect(boot(ScopedJob, ScopedDependency)).rejects.toThrow(/request-scoped/);
  });

  it.each([
    [{ name: 'bad name' }, 'images.thumbnail'],
    [{ queue: 'High' }, "queue: 'default'"],
    [{ attempts: 0 }, 'attempts: 3'],
    [{ timeout: 0.5 }, 'timeout: 120_000'],
    [{ timeout: MOST_TIMEOUT_MS + 1 }, '1 to 2147483647'],
    [{ backoff: { type: 'fixed', delay: -1 } as const }, 'backoff: {'],
  ])('the option %j', async (wrong, advice) => {
    class WrongJob implements Job<NoPayload> {
      run(): void {
        return;
      }
    }
    JobHandler({ name: 'wrong', payload: NoPayload, ...wrong })(WrongJob);
    await expect(boot(WrongJob)).rejects.toThrow(advice);
  });

  it('an entity as a payload', async () => {
    @Entity()
    class Invoice {
      @PrimaryColumn() id!: number;
      @Column() total!: number;
    }
    @JobHandler({ name: 'invoice', payload: Invoice })
    class InvoiceJob implements Job<Invoice> {
      run(): void {
        return;
      }
    }
    await expect(boot(InvoiceJob)).rejects.toThrow('enqueue entityRef(Invoice, id)');
    const invoice = Object.assign(new Invoice(), { id: 1, total: 2 });
    expect(() => {
      assertNoEntities({ a: [{ invoice }] });
    }).toThrow(
      'payload.a.0.invoice: is an instance of the entity Invoice. Pass its id, or entityRef(Invoice, id)',
    );
    expect(() => {
      assertNoEntities({ a: [new GreetPayload(), null, 1], z: z.string() });
    }).not.toThrow();
  });
});

describe('wishes of a job author', () => {
  it('carry their cause and their milliseconds', () => {
    const cause = new Error('410 Gone');
    expect(new DoNotRetry(cause)).toMatchObject({ message: '410 Gone', cause });
    expect(new Snooze(30_000).ms).toBe(30_000);
    expect(() => new Snooze(-1)).toThrow('throw new Snooze(30_000)');
  });
});
