import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Chores } from '../dispatch/index.js';
import { FAILURE_CHORES_DUE } from '../ledger/index.js';
import { AttentionWatch } from './attention-watch.js';
import { FailureChain } from './failure-chain.js';
import { Failures } from './failures.js';
import { Retention } from './retention.js';

/**
 * The slow safety net, one of the fleet's chores: finds pending failures and due mails that a crash has left, states that
 * need attention, and what is old. A fleet in which nothing is left costs nothing but a few words in the chores' query.
 */
@Injectable()
export class FailureSweeper implements OnModuleInit {
  private readonly isWorker: boolean;

  constructor(
    private readonly chores: Chores,
    private readonly failures: Failures,
    private readonly chain: FailureChain,
    private readonly watch: AttentionWatch,
    private readonly retention: Retention,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.isWorker = settings.roles.includes('worker');
  }

  onModuleInit(): void {
    this.chores.signIn({ name: 'failures', due: FAILURE_CHORES_DUE, run: () => this.sweep() });
    // Looks at its watch, not at the database; and nobody waits for an hour's pruning.
    this.chores.signIn({ name: 'retention', due: 'true', run: async () => this.retention.runIfDue() });
  }

  /** Looks for what was left. Throws `LedgerUnavailableError`. */
  async sweep(): Promise<void> {
    this.failures.lookAgain();
    // Workers with the users' handlers come first; when there is none for ten minutes, the admins must hear all the same.
    if (!this.isWorker) while ((await this.chain.handleAbandoned()) > 0) this.failures.lookAgain();
    await this.watch.look();
  }
}
