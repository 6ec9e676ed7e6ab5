/**
 * Every key and channel name of ours. All begin with `{APP_NAME…}`: two apps can share a server, and on a Cluster the
 * keys of one script sit in one slot (one hash tag for the app, one for each queue).
 */
export class Keys {
  constructor(readonly appName: string) {}

  /** Bull's prefix of a queue: open `new Queue('high', { prefix: '{shiftwork:high}' })` to look at it with Bull's tools. */
  queuePrefix(queue: string): string {
    return `{${this.appName}:${queue}}`;
  }

  /** A key of Bull's layout: `wait`, `active`, `meta`, a task id … */
  queueKey(queue: string, type: string): string {
    return `${this.queuePrefix(queue)}:${queue}:${type}`;
  }

  /** Sorted set: process id → time of its last beat (Redis TIME, ms). Read by every beat. */
  get beats(): string {
    return this.app('beats');
  }

  /** Until when (Redis TIME, ms) no death may be declared. */
  get blackout(): string {
    return this.app('blackout');
  }

  /** JSON record of a live process; expires a while after its last beat. */
  process(id: string): string {
    return this.app(`process:${id}`);
  }

  /** Says that a process left because the ledger was away: its tasks are interrupted, not crashed. TTL 1 day. */
  left(id: string): string {
    return this.app(`left:${id}`);
  }

  /** Hash: wish id → JSON drain wish. */
  get wishes(): string {
    return this.app('wishes');
  }

  /** Hash: process id → JSON acknowledgement of one wish. */
  acknowledgements(wish: string): string {
    return this.app(`ack:${wish}`);
  }

  /** A lease that one process holds: `clock`, `chores`, `refill:<queue>`. */
  lease(name: string): string {
    return this.app(`lease:${name}`);
  }

  /** Counts the terms of a lease: a fence. */
  term(name: string): string {
    return this.app(`term:${name}`);
  }

  /** A pub/sub channel: `tasks`, `cancel`, `drain`, `schedules`, `lease:<name>`. */
  channel(name: string): string {
    return this.app(`channel:${name}`);
  }

  private app(rest: string): string {
    return `{${this.appName}}:${rest}`;
  }
}
