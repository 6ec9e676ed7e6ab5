import { type DynamicModule, Module } from '@nestjs/common';
import { Telemetry } from './telemetry.js';

/** Provides the one `Telemetry` of this process. Its sinks are added where the app is composed. */
@Module({})
export class TelemetryModule {
  static of(telemetry: Telemetry): DynamicModule {
    return {
      module: TelemetryModule,
      global: true,
      providers: [{ provide: Telemetry, useValue: telemetry }],
      exports: [Telemetry],
    };
  }
}
