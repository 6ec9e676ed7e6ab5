import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, SettingsError, type Settings } from '../config/index.js';
import { pendingMigrations } from '../postgres/index.js';

/** Throws `SettingsError` while the database lacks a step of this release. */
export async function demandSchema(settings: Settings): Promise<void> {
  const pending = await pendingMigrations(settings);
  if (pending.length > 0)
    throw new SettingsError([
      `The database lacks ${pending.join(', ')}. Run the release phase first: npx shiftwork migrate`,
    ]);
}

/** For a host app, in which nobody has looked before: the first query would only say that some relation does not exist. */
@Injectable()
export class SchemaCheck implements OnModuleInit {
  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  onModuleInit(): Promise<void> {
    return demandSchema(this.settings);
  }
}
