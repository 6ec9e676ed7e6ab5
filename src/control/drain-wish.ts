import { isRole, type Role } from '../config/index.js';
import { MINUTE, SECOND } from '../foundation/index.js';

/**
 * The wish that a part of the fleet be quiet. Pure: instants are passed in, in ms of Redis TIME, the one clock that the
 * asking side and all answering sides share.
 *
 *   lease ──"safe"──▶ hold        A lease is renewed by the caller that waits; a hold stands by itself, for the push.
 *     └──── withdrawn / expired ◀─┘
 *
 * A wish ends by being withdrawn, or by its expiry. It never ends by being absent: Redis may have been wiped.
 */
export interface DrainWish {
  readonly id: string;
  /** Rooms of these roles go quiet; a process with none of them is not asked. */
  readonly roles: readonly Role[];
  /** Only processes of this release are asked, so that the new release starts fresh. */
  readonly release: string;
  readonly kind: 'lease' | 'hold';
  /** Who asks, for people: `root@build-7 (pid 12)`. */
  readonly by: string;
  readonly expiresAt: number;
  /** Set when the wish was taken back. It is kept until it would have expired, so that nobody who remembers it obeys it. */
  readonly withdrawnAt: number | null;
}

/** A lease dies this long after its last renewal: the fleet of a killed deploy script works again after so long. */
export const LEASE_MS = 15 * SECOND;
/** A waiting caller renews the whole wish this often; two renewals may fail. */
export const RENEW_MS = 5 * SECOND;
/** How long the fleet stays quiet after "safe", unless the caller says otherwise: a build and a push fit in. */
export const DEFAULT_HOLD_MS = 15 * MINUTE;
/** How long a caller waits for the fleet, unless it says otherwise. */
export const DEFAULT_TIMEOUT_MS = MINUTE;
/** Who is asked when nobody says: a web goes on answering. */
export const DEFAULT_ROLES: readonly Role[] = ['clock', 'worker'];

/** What a wish is held against. Roles may be words of another release. */
export interface Asked {
  readonly roles: readonly string[];
  readonly release: string;
}

/** Whether a process of these roles and this release is asked by the wish. */
export function isAsked(process: Asked, wish: Pick<DrainWish, 'roles' | 'release'>): boolean {
  return process.release === wish.release && hasRole(process, wish);
}

/** Whether the process has one of the roles that the wish is about, whatever its release. */
export function hasRole(process: Pick<Asked, 'roles'>, wish: Pick<DrainWish, 'roles'>): boolean {
  return wish.roles.some((role) => process.roles.includes(role));
}

/** Whether the wish is to be obeyed at this moment. */
export function isLive(wish: DrainWish, now: number): boolean {
  return wish.withdrawnAt === null && wish.expiresAt > now;
}

/** Whether the wish ran out without anybody taking it back: the deploy it was made for never came, or its script died. */
export function hasLapsed(wish: DrainWish, now: number): boolean {
  return wish.withdrawnAt === null && wish.expiresAt <= now;
}

/** The roles of `process` that these wishes want quiet, without doubles, in the order of the process. */
export function rolesToQuiet(
  process: { roles: readonly Role[]; release: string },
  wishes: readonly DrainWish[],
): Role[] {
  const asking = wishes.filter((wish) => isAsked(process, wish));
  return process.roles.filter((role) => asking.some((wish) => wish.roles.includes(role)));
}

/** The release to ask: the caller's own; or the only one that runs, if nobody has the caller's and it was never named. */
export function releaseToAsk(own: string, isNamed: boolean, running: readonly string[]): string {
  const others = new Set(running);
  if (isNamed || others.has(own) || others.size !== 1) return own;
  return [...others][0] ?? own;
}

/** The wish in a text of Redis, or null when it is none of ours: another version's, or somebody's mistake. */
export function parseWish(text: string): DrainWish | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isWish(value) ? value : null;
}

function isWish(value: unknown): value is DrainWish {
  if (typeof value !== 'object' || value === null) return false;
  const wish = value as Partial<Record<keyof DrainWish, unknown>>;
  return (
    typeof wish.id === 'string' &&
    Array.isArray(wish.roles) &&
    wish.roles.every((role) => typeof role === 'string' && isRole(role)) &&
    typeof wish.release === 'string' &&
    (wish.kind === 'lease' || wish.kind === 'hold') &&
    typeof wish.by === 'string' &&
    typeof wish.expiresAt === 'number' &&
    (wish.withdrawnAt === null || typeof wish.withdrawnAt === 'number')
  );
}
