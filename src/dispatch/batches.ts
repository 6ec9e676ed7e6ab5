/** What Redis calls a batch: the claim of its first entry. */
export function batchName(processId: string, firstClaim: number): string {
  return `${processId}:${String(firstClaim)}`;
}

/** The batches of a queue whose entries have no locks: the claim of each entry, as its lock would say it. */
export class Batches {
  readonly names: readonly string[];
  private readonly claims = new Map<string, string>();

  /** `notes`: name → ids, parted by spaces, in the order of their claims. */
  constructor(notes: Readonly<Record<string, string>>) {
    this.names = Object.keys(notes);
    for (const [name, ids] of Object.entries(notes)) {
      const colon = name.lastIndexOf(':');
      const first = Number(name.slice(colon + 1));
      for (const [i, id] of ids.split(' ').entries())
        this.claims.set(id, batchName(name.slice(0, colon), first + i));
    }
  }

  /** null: it came in no batch that is noted. */
  claimOf(taskId: string): string | null {
    return this.claims.get(taskId) ?? null;
  }
}
