import { Injectable } from '@nestjs/common';
import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { TransactionCommitEvent, TransactionRollbackEvent } from 'typeorm';

type Hook = () => void;

/**
 * Runs something right after a caller's transaction has committed, and drops it when it rolled back.
 *
 * TypeORM also tells of RELEASE SAVEPOINT, when nothing is visible to others yet: a hook waits until the outermost
 * transaction of its query runner has ended. A data source is watched from the first time one of its managers is seen.
 */
@Injectable()
export class CommitHook {
  private readonly hooks = new WeakMap<QueryRunner, Hook[]>();
  private readonly watched = new WeakSet<DataSource>();

  /** Calls `hook` once the transaction that `manager` belongs to has committed. */
  afterCommit(manager: EntityManager, hook: Hook): void {
    const runner = manager.queryRunner;
    if (!runner?.isTransactionActive) {
      hook(); // no transaction around: each statement was committed by itself
      return;
    }
    this.watch(manager.dataSource);
    const hooks = this.hooks.get(runner);
    if (hooks) hooks.push(hook);
    else this.hooks.set(runner, [hook]);
  }

  private watch(source: DataSource): void {
    if (this.watched.has(source)) return;
    this.watched.add(source);
    source.subscribers.push(
      new CommitSubscriber((runner, committed) => {
        this.ended(runner, committed);
      }),
    );
  }

  private ended(runner: QueryRunner, committed: boolean): void {
    if (runner.isTransactionActive) return; // a savepoint inside; the outer transaction goes on
    const hooks = this.hooks.get(runner) ?? [];
    this.hooks.delete(runner);
    if (committed) for (const hook of hooks) hook();
  }
}

class CommitSubscriber implements EntitySubscriberInterface {
  constructor(private readonly ended: (runner: QueryRunner, committed: boolean) => void) {}
  afterTransactionCommit(event: TransactionCommitEvent): void {
    this.ended(event.queryRunner, true);
  }
  afterTransactionRollback(event: TransactionRollbackEvent): void {
    this.ended(event.queryRunner, false);
  }
}
