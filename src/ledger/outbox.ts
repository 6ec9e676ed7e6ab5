import { Injectable } from '@nestjs/common';
import { newId, SECOND } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';

/** A delete costs its statement more than a row: so many go together. */
const WORTH_DELETING = 16;
/** What never reaches Redis from here (Redis is away, a transaction was rolled back) is not remembered for ever: the sweep reads the table. */
const MOST_BOXES = 256;

interface Box {
  readonly id: string;
  readonly taskIds: readonly string[];
  /** Those that have not reached Redis; not made while it is all of them. */
  left: Set<string> | undefined;
}

/** A reminder that these tasks may not have reached Redis. */
export interface OutboxRow {
  readonly id: string;
  readonly process: string;
  readonly taskIds: readonly string[];
}

/**
 * One row for each statement that accepted tasks, written with them: whoever finds it knows which tasks may never have
 * reached Redis. Deleted, sixteen at a time, with the next accept once all of them have, or within a second. The relay reads the rows of
 * dead processes, of its own process, and those older than 5 s; never a cursor, because transactions commit out of order.
 */
@Injectable()
export class Outbox {
  private owner = newId();
  /** Few, and by their own ids: a map of all their tasks would keep the garbage collector busy. */
  private readonly boxes = new Map<string, Box>();
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
    this.boxes.set(id, { id, taskIds, left: undefined });
    if (this.boxes.size <= MOST_BOXES) return;
    const [oldest = ''] = this.boxes.keys();
    this.boxes.delete(oldest);
  }

  /** These tasks have reached Redis; a box without any other is deleted soon. */
  dispatched(taskIds: readonly string[]): void {
    const whole = this.boxOf(taskIds);
    if (whole === undefined) for (const taskId of taskIds) this.takeOut(taskId);
    else this.close(whole);
    if (this.empty.length > 0)
      this.timer ??= setTimeout(() => {
        void this.deleteEmpty();
      }, SECOND).unref();
  }

  // Tasks that were accepted together mostly reach Redis together.
  private boxOf(taskIds: readonly string[]): Box | undefined {
    for (const box of this.boxes.values()) {
      if (box.taskIds.length === taskIds.length && box.taskIds.every((id, i) => id === taskIds[i]))
        return box;
    }
    return undefined;
  }

  private takeOut(taskId: string): void {
    for (const box of this.boxes.values()) {
      box.left ??= new Set(box.taskIds);
      if (!box.left.delete(taskId)) continue;
      if (box.left.size === 0) this.close(box);
      return;
    }
  }

  private close(box: Box): void {
    this.boxes.delete(box.id);
    this.empty.push(box.id);
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

  /** The boxes of a process, oldest first. */
  async ofProcess(processId: string): Promise<OutboxRow[]> {
    return this.postgres.query<OutboxRow & object>(
      {
        text: `SELECT id, process, task_ids AS "taskIds" FROM shiftwork.outbox WHERE process = $1 ORDER BY at`,
      },
      [processId],
    );
  }

  /** Boxes of anybody that are older than `ms`: their process is slow, cut off or gone. Oldest first, at most 200. */
  async olderThan(ms: number): Promise<OutboxRow[]> {
    return this.postgres.query<OutboxRow & object>(
      {
        text: `SELECT id, process, task_ids AS "taskIds" FROM shiftwork.outbox WHERE at < now() - $1 * interval '1 millisecond' ORDER BY at LIMIT 200`,
      },
      [ms],
    );
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.boxes.delete(id);
    await this.postgres.query({ text: 'DELETE FROM shiftwork.outbox WHERE id = ANY($1::uuid[])' }, [ids]);
  }
}
