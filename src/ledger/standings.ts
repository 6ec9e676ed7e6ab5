import type { Postgres } from '../postgres/index.js';
import { STANDING } from './executions-sql.js';
import type { TaskStatus } from './task-status.js';

/** How a row stands, for whoever's write was refused. */
export interface Standing {
  readonly id: string;
  readonly status: TaskStatus;
  readonly claim: string | null;
  readonly due_at: Date | null;
  readonly is_live: boolean;
}

/** A task that a write was refused for. `waiting`: due at `dueAt` (epoch ms); `taken`: another execution has it; `ended`, `unknown`: its entry is a ghost. */
export type Refused =
  | { readonly kind: 'waiting'; readonly dueAt: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'unknown' };

/** A waiting row that was locked by somebody (a cancel, a rescuer) is delivered again after this long, ms. */
const RETRY_LOCKED_MS = 500;

/** By id; a task that does not exist has none. */
export type Standings = ReadonlyMap<string, Standing>;

export async function standingsOf(postgres: Postgres, ids: readonly string[]): Promise<Standings> {
  if (ids.length === 0) return new Map();
  const rows = await postgres.query<Standing>(STANDING, [ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Whether the row is STARTED by this very claim. */
export function isStartedBy(standing: Standing | undefined, claim: string): boolean {
  return standing?.status === 'STARTED' && standing.claim === claim;
}

/** Why a write was refused. */
export function refusal(standing: Standing | undefined): Refused {
  if (standing === undefined) return { kind: 'unknown' };
  if (!standing.is_live) return { kind: 'ended' };
  if (standing.status === 'STARTED') return { kind: 'taken' };
  return { kind: 'waiting', dueAt: standing.due_at?.getTime() ?? Date.now() + RETRY_LOCKED_MS };
}
