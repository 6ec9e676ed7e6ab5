import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { RequestError } from '../foundation/index.js';
import type { ScheduleRow } from '../ledger/index.js';
import { Tasks } from '../tasks/index.js';
import { tickOptions } from './schedule-options.js';

/**
 * After a long outage 100,000 may be due together: this many are checked at a stretch, and made one by one if one of them is
 * refused.
 */
const MOST_ALIKE = 1_000;

/** The id of the task that was made, or why none could be. */
export type Made = { readonly task: string } | { readonly refusal: Error };

/** Makes the tasks of ticks. */
@Injectable()
export class TickTasks {
  constructor(private readonly tasks: Tasks) {}

  /**
   * A task for each, in the given transaction and order; up to a thousand of equal jobs and options share a statement. What is
   * refused (an unknown job, a payload that a new release refuses, a full queue) leaves the transaction whole. Throws when the
   * database refuses.
   */
  async make(manager: EntityManager, rows: readonly ScheduleRow[]): Promise<Made[]> {
    const made: Made[] = [];
    for (const indexes of alike(rows)) {
      const some = indexes.flatMap((index) => rows[index] ?? []);
      for (const [i, each] of (await this.makeAlike(manager, some)).entries()) made[indexes[i] ?? -1] = each;
    }
    return made;
  }

  private async makeAlike(manager: EntityManager, rows: readonly ScheduleRow[]): Promise<Made[]> {
    const [first] = rows;
    if (first === undefined) return [];
    if (rows.length === 1) return [await this.makeOne(manager, first)];
    try {
      const payloads = rows.map((row) => row.payload);
      const options = { ...tickOptions(first), transaction: manager };
      const { ids } = await this.tasks.enqueueMany(first.job, payloads, options);
      return ids.map((task) => ({ task }));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const made: Made[] = [];
      for (const row of rows) made.push(await this.makeOne(manager, row)); // one of them is at fault, not all
      return made;
    }
  }

  private async makeOne(manager: EntityManager, row: ScheduleRow): Promise<Made> {
    try {
      const options = { ...tickOptions(row), transaction: manager };
      const { id } = await this.tasks.enqueue(row.job, row.payload, options);
      return { task: id };
    } catch (error) {
      if (error instanceof RequestError) return { refusal: error };
      throw error;
    }
  }
}

// Indexes of rows with the same job and options.
function alike(rows: readonly ScheduleRow[]): readonly number[][] {
  const groups: number[][] = [];
  const filling = new Map<string, number[]>();
  for (const [index, { job, options }] of rows.entries()) {
    const key = JSON.stringify([job, options]);
    let group = filling.get(key);
    if (group === undefined || group.length === MOST_ALIKE) {
      group = [];
      groups.push(group);
      filling.set(key, group);
    }
    group.push(index);
  }
  return groups;
}
