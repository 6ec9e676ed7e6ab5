import { type DynamicModule, Module } from '@nestjs/common';
import { CommitHook } from './commit-hook.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { Telemetry } from '../telemetry/index.js';
import { openPostgres } from './open-postgres.js';
import { ENTITIES, Postgres } from './postgres.js';

/** Provides the door to PostgreSQL, with the entity classes of the rooms above. */
@Module({})
export class PostgresModule {
  static with(entities: readonly (new () => object)[]): DynamicModule {
    return {
      module: PostgresModule,
      global: true,
      providers: [
        { provide: ENTITIES, useValue: entities },
        { provide: Postgres, useFactory: opened, inject: [SETTINGS, ENTITIES, Telemetry] },
        CommitHook,
      ],
      exports: [Postgres, CommitHook],
    };
  }
}

// Open before any other module starts: their hooks may ask it.
async function opened(
  settings: Settings,
  entities: readonly (new () => object)[],
  telemetry: Telemetry,
): Promise<Postgres> {
  const postgres = new Postgres(settings, entities);
  await openPostgres(postgres, telemetry);
  return postgres;
}
