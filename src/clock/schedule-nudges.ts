import { Injectable } from '@nestjs/common';
import { RedisClients } from '../redis/index.js';

/** Said when it is not known what changed. */
const EVERYTHING = '*';

/**
 * Tells the clocks that schedules changed, by name. A message is only a nudge: whoever may have missed one, because its
 * connection broke, is told that everything may have changed; and what could not be said is said when Redis is back.
 */
@Injectable()
export class ScheduleNudges {
  private unsaid = false;

  constructor(private readonly redis: RedisClients) {
    redis.onReady(() => {
      if (this.unsaid) void this.say(EVERYTHING);
    });
  }

  /** These schedules changed, and the change is committed. Never throws. */
  async changed(names: readonly string[]): Promise<void> {
    await this.say(names.length > 20 ? EVERYTHING : JSON.stringify(names));
  }

  /** Calls `onChange` with the names that changed, or null: look at all of them. Answers the way to stop. */
  async listen(onChange: (names: readonly string[] | null) => void): Promise<() => Promise<void>> {
    return this.redis.subscriber.subscribe(
      this.channel,
      (message) => {
        onChange(namesIn(message));
      },
      () => {
        onChange(null);
      },
    );
  }

  private async say(message: string): Promise<void> {
    try {
      await this.redis.command.publish(this.channel, message);
      this.unsaid = false;
    } catch {
      this.unsaid = true; // said when Redis is back; and a clock looks by itself every few minutes
    }
  }

  private get channel(): string {
    return this.redis.keys.channel('schedules');
  }
}

function namesIn(message: string): readonly string[] | null {
  if (message === EVERYTHING) return null;
  try {
    const names: unknown = JSON.parse(message);
    return Array.isArray(names) ? names.map(String) : null;
  } catch {
    return null; // not ours: looking at everything is never wrong
  }
}
