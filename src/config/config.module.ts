import { type DynamicModule, Module } from '@nestjs/common';
import type { Settings } from './settings.js';
import { SETTINGS } from './settings-token.js';

/** Provides the frozen `Settings` to every module. */
@Module({})
export class ConfigModule {
  static of(settings: Settings): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [{ provide: SETTINGS, useValue: settings }],
      exports: [SETTINGS],
    };
  }
}
