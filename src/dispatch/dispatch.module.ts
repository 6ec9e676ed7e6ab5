import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Heartbeat, RollCall, ThisProcess } from '../fleet/index.js';
import { LedgerModule } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { Telemetry } from '../telemetry/index.js';
import { ActiveSweep } from './active-sweep.js';
import { BullQueues } from './bull-queues.js';
import { Chores } from './chores.js';
import { Consumers } from './consumers.js';
import { DelayedWindow } from './delayed-window.js';
import { Dispatcher } from './dispatcher.js';
import { Entries } from './entries.js';
import { Losses } from './losses.js';
import { OldestCheck } from './oldest-check.js';
import { OutboxRelay } from './outbox-relay.js';
import { ForeignProcessors } from './foreign-processors.js';
import { QueueControl } from './queue-control.js';
import { QueueStats } from './queue-stats.js';
import { RedisIdentity } from './redis-identity.js';
import { Refill } from './refill.js';
import { Relay } from './relay.js';

const OPEN = [Dispatcher, Relay, QueueControl, QueueStats, Chores, Entries, Losses];

/** Hands tasks to workers, through Bull's keys. */
@Module({
  imports: [LedgerModule],
  providers: [
    ...OPEN,
    ActiveSweep,
    BullQueues,
    DelayedWindow,
    ForeignProcessors,
    OldestCheck,
    OutboxRelay,
    RedisIdentity,
    Refill,
    {
      provide: Consumers,
      inject: [RedisClients, Entries, Losses, ThisProcess, Heartbeat, SETTINGS, Telemetry, RollCall],
      useFactory: openConsumers,
    },
  ],
  exports: [...OPEN, Consumers],
})
export class DispatchModule {}

function openConsumers(
  redis: RedisClients,
  entries: Entries,
  losses: Losses,
  self: ThisProcess,
  heartbeat: Heartbeat,
  settings: Settings,
  telemetry: Telemetry,
  roll: RollCall,
): Consumers {
  const consumers = new Consumers(redis, entries, losses, self, settings, telemetry, roll);
  heartbeat.onPresumedDead(() => {
    consumers.suspend();
  });
  self.onNewIdentity(() => {
    consumers.unsuspend();
  });
  return consumers;
}
