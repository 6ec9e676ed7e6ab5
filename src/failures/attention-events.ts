import { Injectable } from '@nestjs/common';
import { MINUTE, monotonicMs } from '../foundation/index.js';
import { BacklogGuard } from '../tasks/index.js';
import { type EmittedEvent, Telemetry } from '../telemetry/index.js';
import { Attention, type Concern } from './attention.js';

/** A refusal for a full queue may come a thousand times a second. */
const TOLD_AGAIN_MS = MINUTE;

/** What other rooms of this process say that the admins should hear: a full backlog, a lapsed drain, a fleet without a clock. */
@Injectable()
export class AttentionEvents {
  private readonly toldAt = new Map<string, number>();
  private stopping: (() => unknown)[] = [];

  constructor(
    private readonly attention: Attention,
    private readonly backlogs: BacklogGuard,
    private readonly telemetry: Telemetry,
  ) {}

  start(): void {
    if (this.stopping.length > 0) return;
    this.stopping = [
      this.backlogs.onFull((queue, limit) => {
        this.tell(backlogFull(queue, limit));
      }),
      this.telemetry.addSink((event) => {
        const concern = concernOf(event);
        if (concern !== null) this.tell(concern);
      }),
    ];
  }

  /** Hears no more, and resolves when what was heard is written, or PostgreSQL is away. */
  async stop(): Promise<void> {
    for (const stop of this.stopping.splice(0)) stop();
    await this.attention.stop();
  }

  private tell(concern: Concern): void {
    const key = `${concern.kind}:${concern.key}`;
    const now = monotonicMs();
    if (now - (this.toldAt.get(key) ?? -Infinity) < TOLD_AGAIN_MS) return;
    this.toldAt.set(key, now);
    this.attention.raise(concern);
  }
}

function backlogFull(queue: string, limit: number): Concern {
  return {
    kind: 'backlog-full',
    key: queue,
    title: `queue "${queue}" has reached its limit of ${String(limit)} waiting tasks`,
    advice:
      'New tasks for it are refused (429). Start more workers for it, find out what holds them up, or raise QUEUE_LIMITS.',
    path: '/admin/queues',
  };
}

function concernOf({ name, fields }: EmittedEvent): Concern | null {
  if (name === 'drain.lapsed') return drainLapsed(fields);
  return name === 'clock.nobodyLeads' ? NO_CLOCK : null;
}

function drainLapsed({ wish, by, release }: EmittedEvent['fields']): Concern {
  return {
    kind: 'drain-lapsed',
    key: String(wish),
    title: `a drain of release ${String(release)} ran out`,
    advice: `It was asked for by ${String(by)}, and neither a deploy nor \`shiftwork resume\` followed. The fleet works again; look whether the deploy failed.`,
    path: '/admin/processes',
  };
}

const NO_CLOCK: Concern = {
  kind: 'no-clock',
  key: 'fleet',
  title: 'no clock leads: schedules do not fire',
  advice:
    'Start a process with the clock role. Missed moments are caught up by the misfire policy of each schedule.',
  path: '/admin/schedules',
};
