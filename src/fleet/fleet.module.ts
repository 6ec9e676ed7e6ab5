import { Module } from '@nestjs/common';
import { Heartbeat } from './heartbeat.js';
import { Leaderships } from './leaderships.js';
import { RollCall } from './roll-call.js';
import { ThisProcess } from './this-process.js';

/** Provides who we are, who lives, and who leads. */
@Module({})
export class FleetModule {
  static readonly global = {
    module: FleetModule,
    global: true,
    providers: [ThisProcess, Heartbeat, RollCall, Leaderships],
    exports: [ThisProcess, Heartbeat, RollCall, Leaderships],
  };
}
