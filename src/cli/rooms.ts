import { type DynamicModule, Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule, type Settings } from '../config/index.js';
import { FleetModule } from '../fleet/index.js';
import { LEDGER_ENTITIES, LedgerModule, Outbox } from '../ledger/index.js';
import { createLifecycle, LifecycleModule } from '../lifecycle/index.js';
import { asLedgerError, CommitHook, ENTITIES, Postgres } from '../postgres/index.js';
import { RedisClients, RedisModule } from '../redis/index.js';
import { Telemetry, TelemetryModule } from '../telemetry/index.js';
import type { Needs, Rooms } from './action.js';
import { noteSink } from './note-sink.js';
import type { Output } from './output.js';
import { redisTrouble } from './redis-away.js';

// As PostgresModule, but not opened by itself: that one waits a minute for a server that is away.
@Global()
@Module({
  providers: [{ provide: ENTITIES, useValue: LEDGER_ENTITIES }, Postgres, CommitHook],
  exports: [Postgres, CommitHook],
})
class PostgresDoor {}

// As RedisModule, for what is there even if Nest cannot build the rest.
function redisDoor(redis: RedisClients): DynamicModule {
  const providers = [{ provide: RedisClients, useValue: redis }];
  return { module: RedisModule, global: true, providers, exports: [RedisClients] };
}

@Module({})
class CommandLine {}

/** Opens the rooms. Throws an `UnavailableError` within a few seconds when a server that is needed cannot be reached. */
export async function openRooms(settings: Settings, output: Output, needs: Needs): Promise<Rooms> {
  const telemetry = new Telemetry();
  const hush = telemetry.addSink(noteSink(output, settings.logLevel));
  const redis = new RedisClients(settings, telemetry);
  const app = await NestFactory.createApplicationContext(
    {
      module: CommandLine,
      imports: [
        ConfigModule.of(settings),
        TelemetryModule.of(telemetry),
        LifecycleModule.of(createLifecycle(settings, telemetry)),
        PostgresDoor,
        redisDoor(redis),
        FleetModule.global,
        LedgerModule,
        ...needs.modules,
      ],
    },
    { logger: false, abortOnError: false },
  ).catch((error: unknown) => {
    redis.close(); // it connects from its first moment, and would keep the process alive
    throw error;
  });
  const rooms: Rooms = {
    settings,
    get: (type) => app.get(type, { strict: false }),
    close: async () => {
      // Without this the fleet would sweep up reminders of tasks that we have dispatched ourselves.
      await app.get(Outbox).deleteEmpty();
      hush(); // from here on it is we who close the connections: nobody needs to read of it
      await app.close();
    },
  };
  try {
    await reachPostgres(rooms, needs); // not side by side: an error here closes Redis, which would then be reported as away
    await reachRedis(rooms, needs, output);
    return rooms;
  } catch (error) {
    await rooms.close();
    throw error;
  }
}

async function reachPostgres(rooms: Rooms, { postgres = 'needed' }: Needs): Promise<void> {
  if (postgres === 'asked') return;
  const { dataSource } = rooms.get(Postgres);
  if (dataSource.isInitialized) return;
  await dataSource.initialize().catch((error: unknown) => {
    throw asLedgerError(error);
  });
}

async function reachRedis(rooms: Rooms, { redis = 'needed' }: Needs, output: Output): Promise<void> {
  if (redis === 'asked') return;
  const trouble = await redisTrouble(rooms);
  if (trouble === null) return;
  if (redis === 'needed') throw trouble;
  output.note(
    `Note: ${trouble.message} The ledger is enough for this; what is accepted is dispatched when Redis is back.`,
  );
}
