import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { RollCall } from '../fleet/index.js';
import { SECOND, monotonicMs } from '../foundation/index.js';
import { isFinal, type TaskStanding, Undispatched } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Dispatcher } from './dispatcher.js';
import { Entries, type HeldEntry, type Holder, MOST_PER_CALL } from './entries.js';
import { entryOf } from './entry-of.js';

/** An entry without a lock is looked at twice, this far apart: Bull's own scripts set the lock a moment after the move. */
const TWICE_MS = 5 * SECOND;

/**
 * Entries in `active` that nobody will ever acknowledge: their holder is dead, or they have no lock and are in no batch. What
 * becomes of each is asked of its row: final ⇒ removed; waiting ⇒ put back; STARTED ⇒ locked again for that execution, or left
 * to the rescuer if it is dead too. Any number of processes may sweep at once.
 */
@Injectable()
export class ActiveSweep {
  private firstSeen = new Map<string, number>();

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly roll: RollCall,
    private readonly entries: Entries,
    private readonly undispatched: Undispatched,
    private readonly dispatcher: Dispatcher,
    private readonly telemetry: Telemetry,
  ) {}

  /** Answers whether something must be looked at again in 5 s. Throws when a server is away. */
  async run(queues: readonly string[]): Promise<boolean> {
    const alive = await this.roll.alive();
    if (alive === null) return true; // nobody knows who lives
    const now = monotonicMs();
    const seen = new Map<string, number>();
    for (const queue of queues) {
      const batches = await this.entries.batches(queue);
      for await (const holders of this.entries.holders(queue, batches)) {
        const orphans = holders.filter((holder) => isOrphan(holder, alive) && this.isRipe(holder, now, seen));
        if (orphans.length > 0)
          for (const id of await this.resolve(queue, orphans, alive))
            seen.set(id, this.firstSeen.get(id) ?? now);
      }
      const ofDead = batches.names.filter((name) => !alive.has(processOf(name)));
      await this.entries.forgetBatches(queue, ofDead);
    }
    this.firstSeen = seen;
    return seen.size > 0;
  }

  // A lock of somebody dead is ripe at once.
  private isRipe({ taskId, claim }: Holder, now: number, seen: Map<string, number>): boolean {
    if (claim !== null) return true;
    const since = this.firstSeen.get(taskId) ?? now;
    if (now - since >= TWICE_MS) return true;
    seen.set(taskId, since);
    return false;
  }

  /** Answers those that are the rescuer's business: STARTED, by a process that does not live. */
  private async resolve(
    queue: string,
    orphans: readonly Holder[],
    alive: ReadonlySet<string>,
  ): Promise<string[]> {
    const rows = await this.undispatched.standings(orphans.map((orphan) => orphan.taskId));
    const standings = new Map(rows.map((each) => [each.id, each]));
    const removed: HeldEntry[] = [];
    const waiting: string[] = [];
    const relocked: HeldEntry[] = [];
    const rescuers: string[] = [];
    for (const { taskId, claim } of orphans) {
      const standing = standings.get(taskId);
      if (standing === undefined || isFinal(standing.status) || standing.parked)
        removed.push({ taskId, claim: claim ?? '' });
      else if (standing.status !== 'STARTED') waiting.push(taskId);
      else if (isStartedByLiving(standing, alive)) relocked.push({ taskId, claim: standing.claim });
      else rescuers.push(taskId);
    }
    for (let i = 0; i < removed.length; i += MOST_PER_CALL)
      await this.entries.acknowledge(queue, removed.slice(i, i + MOST_PER_CALL));
    if (relocked.length > 0) await this.entries.renewLocks(queue, relocked);
    await this.putBack(waiting);
    const swept = { removed: removed.length, put: waiting.length, relocked: relocked.length };
    if (swept.removed + swept.put + swept.relocked > 0)
      this.telemetry.emit('dispatch.swept', { queue, ...swept });
    return rescuers;
  }

  private async putBack(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const rows = await this.undispatched.waitingOf(ids);
    await this.dispatcher.put(rows.map((row) => entryOf(row, this.settings.crashLimit, 'head')));
  }
}

function isOrphan({ claim }: Holder, alive: ReadonlySet<string>): boolean {
  return claim === null || !alive.has(processOf(claim));
}

function isStartedByLiving(
  standing: TaskStanding,
  alive: ReadonlySet<string>,
): standing is TaskStanding & { claim: string } {
  return standing.claim !== null && alive.has(processOf(standing.claim));
}

function processOf(claim: string): string {
  return claim.slice(0, claim.lastIndexOf(':'));
}
