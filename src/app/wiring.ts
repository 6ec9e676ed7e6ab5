import { Injectable } from '@nestjs/common';
import { Chores } from '../dispatch/index.js';
import { PARKED_WAIT } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { PARKED_CHANNEL } from '../worker/index.js';

/** Where one room's news becomes another room's work, without either knowing the other. */
@Injectable()
export class Wiring {
  constructor(
    private readonly chores: Chores,
    private readonly redis: RedisClients,
  ) {}

  /** Called once, before the process joins the fleet. */
  connect(): void {
    // The process that does the chores may not know the parked jobs: those that do are told to look.
    this.chores.signIn({
      name: 'parked',
      due: PARKED_WAIT,
      run: async () => {
        await this.redis.command.publish(this.redis.keys.channel(PARKED_CHANNEL), '');
      },
    });
  }
}
