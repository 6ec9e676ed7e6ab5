import { Injectable } from '@nestjs/common';
import { newId, SECOND } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';

/** A delete costs its statement more than a row: so many go together. */
const WORTH_DELETING = 16;
/**
 * So many boxes are remembered, many times what is in flight at once. What never reaches Redis from here (Redis is away, a
 * transaction was rolled back) is forgotten in the end: the sweep reads the table.
 */
const MOST_BOXES = 64;

/**
 * One row for each statement that accepted tasks, written with them: whoever finds it knows which tasks may never have
 * reached Redis. Deleted, sixteen at a time, with the next accept once all of them have, or within a second. The relay reads
 * the rows of dead processes, of its own process, and those older than 5 s; never a cursor, because transactions commit out of
 * order.
 */
@Injectable()
export class Outbox {
  private owner = newId();
  /** Box id → its tasks that have not reached Redis. Not by task: a map of all tasks would keep the garbage collector busy. */
  private readonly boxes = new Map<string, readonly string[]>();
  private empty: string[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly postgres: Postgres) {}

  /** The process that the next rows belong to. */
  get processId(): string {
    return this.owner;
  }

  belongTo(processId: string): void {
    this.owner = processId;
  }

  /** Notes a box that was written for these tasks. */
  opened(id: string, taskIds: readonly string[]): void {
    this.boxes.set(id, taskIds);
    const [oldest = ''] = this.boxes.keys();
    if (this.boxes.size > MOST_BOXES) this.boxes.delete(oldest);
  }

  /** These tasks have reached Redis; a box without any other is deleted soon. */
  dispatched(taskIds: readonly string[]): void {
    const reached = new Set(taskIds);
    for (const [id, tasks] of this.boxes) {
      const left = tasks.filter((taskId) => !reached.has(taskId));
      if (left.length < tasks.length) this.boxes.set(id, left);
      if (left.length > 0) continue;
      this.boxes.delete(id);
      this.empty.push(id);
    }
    if (this.empty.length > 0)
      this.timer ??= setTimeout(() => {
        void this.deleteEmpty();
      }, SECOND).unref();
  }

  /**
   * Boxes that the next accept may delete, once there are enough to be worth the work. If it fails they stay in the table,
   * and the sweep finds them done.
   */
  takeEmpty(atLeast = WORTH_DELETING): string[] {
    if (this.empty.length < atLeast) return [];
    const taken = this.empty;
    this.empty = [];
    return taken;
  }

  /** Writes out what is left to delete. */
  async deleteEmpty(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const ids = this.takeEmpty(1);
    if (ids.length > 0) await this.remove(ids).catch(() => undefined); // away: the sweep finds them done
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.boxes.delete(id);
    await this.postgres.query({ text: 'DELETE FROM shiftwork.outbox WHERE id = ANY($1::uuid[])' }, [ids]);
  }
}
