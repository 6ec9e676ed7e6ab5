import type { EntityRef } from './entity-ref.js';
import type { TaskContext } from './task-context.js';

/**
 * A kind of work: implement it in a class with `@JobHandler(...)`. `P`: payload, `R`: result (JSON, at most 262,144 bytes),
 * `C`: checkpoint. All types at `tasks.enqueue(...)` flow from here; nobody writes a type argument there.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- see TaskContext: an unnamed checkpoint is the author's own business
export interface Job<P, R = unknown, C = any> {
  /**
   * Does the work. Resolves: the task is FINISHED with the result. Throws: the attempt failed; it is tried again after the
   * backoff, or FAILED when attempts are used up. May run again after a crash, so make its effects idempotent or transactional.
   */
  run(payload: P, task: TaskContext<C>): Promise<R> | R;
}

/** Any job, for constraints: `never` accepts every payload and checkpoint. */
export type AnyJob = Job<never, unknown, never>;

/** A class whose instances are jobs. */
export type JobClass<J extends AnyJob = AnyJob> = abstract new (...args: never[]) => J;

/** What a job receives, from its class (`PayloadOf<typeof ThumbnailJob>`) or its instance type (`PayloadOf<ThumbnailJob>`). */
export type PayloadOf<J> =
  InstanceOf<J> extends { run(payload: infer P, ...rest: never[]): unknown } ? P : never;

/** What a job resolves with, from its class or its instance type. */
export type ResultOf<J> = InstanceOf<J> extends { run(...args: never[]): infer R } ? Awaited<R> : never;

/** What may be enqueued for a job: its payload, in which a row may be an `entityRef` and a Date its ISO text. */
export type EnqueuePayload<J> = Enqueueable<PayloadOf<J>>;

type InstanceOf<J> = J extends abstract new (...args: never[]) => infer I ? I : J;
type Primitive = string | number | boolean | bigint | symbol | null | undefined;

type Enqueueable<T> = unknown extends T
  ? unknown
  : T extends Primitive
    ? T
    : T extends Date
      ? Date | string
      : T extends readonly (infer Item)[]
        ? readonly Enqueueable<Item>[]
        : T extends object
          ? EntityRef<T> | EnqueueableObject<T>
          : T;

// Methods of a DTO do not travel.
type EnqueueableObject<T> = {
  [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: Enqueueable<T[K]>;
};
