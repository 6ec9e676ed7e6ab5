/** What must and must not compile when jobs are declared and enqueued. Checked by tsc; nothing here runs. */
import { IsString } from 'class-validator';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import {
  type EnqueuePayload,
  entityRef,
  type Job,
  JobHandler,
  type PayloadOf,
  type ResultOf,
  type TaskContext,
} from '../../src/jobs/index.js';

class User {
  id!: number;
  name!: string;
  rename(name: string): void {
    this.name = name;
  }
}

class WelcomePayload {
  @IsString() greeting!: string;
  user!: User;
  at?: Date;
}

interface Welcomed {
  sent: boolean;
}

@JobHandler({ name: 'welcome', payload: WelcomePayload })
export class WelcomeJob implements Job<WelcomePayload, Welcomed, { step: number }> {
  constructor(private readonly sent: boolean) {}
  async run(payload: WelcomePayload, task: TaskContext): Promise<Welcomed> {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-member-access -- an unnamed checkpoint is any, as the README's example needs it
    const step = Number(task.lastCheckpoint?.step ?? 0);
    await task.checkpoint({ step: step + payload.greeting.length });
    return { sent: this.sent };
  }
}

// Payload and result flow from the class, and from the instance type.
expectTypeOf<PayloadOf<typeof WelcomeJob>>().toEqualTypeOf<WelcomePayload>();
expectTypeOf<PayloadOf<WelcomeJob>>().toEqualTypeOf<WelcomePayload>();
expectTypeOf<ResultOf<typeof WelcomeJob>>().toEqualTypeOf<Welcomed>();

const accept = (payload: EnqueuePayload<typeof WelcomeJob>): unknown => payload;
accept({ greeting: 'Hi', user: entityRef(User, 7) });
accept({ greeting: 'Hi', user: entityRef(User, 7), at: '2026-11-21T08:00:00.000Z' });
accept({ greeting: 'Hi', user: entityRef(User, 7), at: new Date() });
// @ts-expect-error a property is missing
accept({ user: entityRef(User, 7) });
// @ts-expect-error a property has the wrong type
accept({ greeting: 7, user: entityRef(User, 7) });
// @ts-expect-error there is no such property
accept({ greeting: 'Hi', user: entityRef(User, 7), extra: 1 });

// A zod schema declares what run receives.
const Resize = z.object({ widths: z.array(z.number()), format: z.string().default('webp') });
@JobHandler({ name: 'resize', payload: Resize })
export class ResizeJob implements Job<z.output<typeof Resize>, number> {
  run(payload: z.output<typeof Resize>): number {
    return payload.widths.length;
  }
}
expectTypeOf<ResultOf<typeof ResizeJob>>().toEqualTypeOf<number>();

// The checkpoint is typed where its type is named.
export class TypedCheckpointJob implements Job<WelcomePayload, void, { step: number }> {
  async run(_payload: WelcomePayload, task: TaskContext<{ step: number }>): Promise<void> {
    expectTypeOf(task.lastCheckpoint).toEqualTypeOf<{ step: number } | null>();
    // @ts-expect-error not the declared shape
    await task.checkpoint({ steps: 1 });
  }
}

// @ts-expect-error run takes another payload than the one declared
@JobHandler({ name: 'wrong', payload: WelcomePayload })
export class WrongPayloadJob implements Job<{ count: number }> {
  run(payload: { count: number }): number {
    return payload.count;
  }
}

// @ts-expect-error no run method
@JobHandler({ name: 'idle', payload: WelcomePayload })
export class IdleJob {
  readonly idle = true;
}

// @ts-expect-error a payload must be declared
JobHandler({ name: 'bare' });
// @ts-expect-error the backoff is fixed or exponential
JobHandler({ name: 'linear', payload: WelcomePayload, backoff: { type: 'linear', delay: 1 } });
