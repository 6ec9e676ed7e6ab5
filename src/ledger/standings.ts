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
