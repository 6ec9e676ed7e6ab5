import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Role, type Settings } from '../config/index.js';
import { asError, Deadline, pause, SECOND, UnavailableError, userAtHost } from '../foundation/index.js';
import { RollCall } from '../fleet/index.js';
import { StartedBy } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { DrainChannel } from './drain-channel.js';
import { DEFAULT_HOLD_MS, DEFAULT_ROLES, DEFAULT_TIMEOUT_MS } from './drain-wish.js';
import { isSafe, lookAt, withStarted, type FleetLook } from './verdict.js';
import { WishLease } from './wish-lease.js';

export interface DrainOptions {
  /** Who is asked. Default clock and worker: the web goes on answering, and with it the request that asks. */
  readonly roles?: readonly Role[] | undefined;
  /** The release that is asked; default: this process's own. Another release is not asked, and starts fresh. */
  readonly release?: string | undefined;
  /** Milliseconds to wait for the fleet. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds for which the fleet stays quiet after "safe", for the push. Default 900,000. */
  readonly holdMs?: number | undefined;
  /** Who asks, for people; default: user, host and process id. */
  readonly by?: string | undefined;
  /** Aborted: the wish is taken back at once. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each look at the fleet, about twice a second. */
  readonly onProgress?: ((look: FleetLook) => void) | undefined;
}

/** The answer to "is it safe to push now?". */
export interface Verdict extends FleetLook {
  readonly safe: boolean;
  /** Id of the wish. */
  readonly wish: string;
  readonly release: string;
  /** ISO instant until which the fleet stays quiet by itself; null when not safe: then it works again. */
  readonly heldUntil: string | null;
  /** Why it is not safe: the time is up, somebody called `resume`, or the caller gave up. */
  readonly reason: 'timeout' | 'withdrawn' | 'interrupted' | null;
}

type NotSafe = Exclude<Verdict['reason'], null>;

/** Twice a second: soon enough for people, and nothing for the servers. */
const LOOK_EVERY_MS = SECOND / 2;
/** How long `resume` waits for the fleet to say that it works again. */
const RESUME_WAIT_MS = 5 * SECOND;
const NOTHING_SEEN: FleetLook = { drained: [], busy: [], silent: [], notAsked: [] };

/** The asking side of a drain: a wish, the fleet's answers, a verdict. */
@Injectable()
export class DrainRequest {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly channel: DrainChannel,
    private readonly rollCall: RollCall,
    private readonly startedBy: StartedBy,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Asks the fleet to be quiet and waits until it is, or until the time is up. Safe: it stays quiet until
   * `heldUntil`, a new release excepted. Not safe, or thrown: the wish has been taken back and the fleet works again; if
   * Redis is away at that moment, within 15 s. Throws an `UnavailableError` when nothing can be said because a server is away.
   */
  async run(options: DrainOptions = {}): Promise<Verdict> {
    const deadline = Deadline.after(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const wish = {
      roles: options.roles ?? DEFAULT_ROLES,
      release: options.release ?? this.settings.release,
      by: options.by ?? whoIsAsking(),
    };
    const lease = new WishLease(this.channel, wish, this.telemetry);
    const giveUp = (): void => void lease.end();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await lease.open();
      return await this.untilDecided(lease, wish, deadline, options);
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
      await lease.end();
    }
  }

  /** Takes back every wish, leases and holds of all releases. Answers the processes that said they work again. */
  async resume(): Promise<{ resumed: string[] }> {
    const live = await this.channel.standing();
    const ids = live.map((wish) => wish.id);
    const quiet = await this.answered(ids);
    for (const wish of live) await this.channel.withdraw(wish);
    const stillQuiet = await this.untilAnswersGone(ids, quiet);
    return { resumed: [...quiet].filter((id) => !stillQuiet.has(id)) };
  }

  private async untilDecided(
    lease: WishLease,
    wish: Asking,
    deadline: Deadline,
    options: DrainOptions,
  ): Promise<Verdict> {
    let seen = NOTHING_SEEN;
    for (;;) {
      const isLast = deadline.isOver;
      const { id } = lease;
      const look = await this.look(id, wish).catch(unlessAway);
      let heldUntil: Date | Error | null = null;
      if (!(look instanceof Error)) {
        seen = look;
        options.onProgress?.(look);
        if (isSafe(look) && !options.signal?.aborted)
          heldUntil = await lease.hold(id, options.holdMs ?? DEFAULT_HOLD_MS).catch(unlessAway);
      }
      if (heldUntil instanceof Date)
        return {
          safe: true,
          wish: id,
          release: wish.release,
          heldUntil: heldUntil.toISOString(),
          ...seen,
          reason: null,
        };
      const reason = whyNotSafe(lease, options.signal, isLast);
      const away = look instanceof Error ? look : heldUntil;
      if (reason === 'timeout' && away !== null) throw away;
      if (reason !== null)
        return { safe: false, wish: id, release: wish.release, heldUntil: null, ...seen, reason };
      await pause(Math.min(LOOK_EVERY_MS, deadline.remainingMs), options.signal);
    }
  }

  // The roll is taken after the answers: a process that booted meanwhile had the wish to read before it could work.
  private async look(wishId: string, wish: Asking): Promise<FleetLook> {
    const answers = await this.channel.acknowledgements(wishId);
    const roll = await this.rollCall.roll();
    const look = lookAt(wish, roll, answers);
    // Whoever is asked for the sake of another role goes on with its tasks.
    if (!isSafe(look) || !wish.roles.includes('worker')) return look;
    return withStarted(look, await this.startedBy.processes(look.drained), roll);
  }

  private async answered(wishIds: readonly string[]): Promise<Set<string>> {
    const answers = await Promise.all(wishIds.map((id) => this.channel.acknowledgements(id)));
    return new Set(answers.flatMap((each) => [...each.keys()]));
  }

  private async untilAnswersGone(
    wishIds: readonly string[],
    quiet: ReadonlySet<string>,
  ): Promise<Set<string>> {
    const deadline = Deadline.after(RESUME_WAIT_MS);
    for (;;) {
      const left = quiet.size === 0 ? new Set<string>() : await this.answered(wishIds);
      if (left.size === 0 || deadline.isOver) return left;
      await pause(LOOK_EVERY_MS / 5);
    }
  }
}

interface Asking {
  readonly roles: readonly Role[];
  readonly release: string;
}

function whyNotSafe(lease: WishLease, signal: AbortSignal | undefined, isLast: boolean): NotSafe | null {
  if (signal?.aborted) return 'interrupted';
  if (lease.isWithdrawn) return 'withdrawn';
  return isLast ? 'timeout' : null;
}

// A server that is away for a moment must not end a drain: its lease lives on, and the next look may succeed.
function unlessAway(error: unknown): Error {
  if (error instanceof UnavailableError) return error;
  throw asError(error);
}

function whoIsAsking(): string {
  return `${userAtHost()} (process ${String(process.pid)})`;
}
