import { type DynamicModule, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { Drain } from './drain.js';
import { Drainables } from './drainables.js';
import type { Lifecycle } from './lifecycle.js';
import { Shutdown } from './shutdown.js';

/**
 * Inside a host app that owns its signals, and in tests that only close their app, the shutdown runs here: Nest calls
 * `onModuleDestroy` before anything of ours closes (our connections close in `onApplicationShutdown`). What a host's own
 * providers close in their `onModuleDestroy` cannot be held back; the README says so.
 */
@Injectable()
class HostShutdown implements OnModuleDestroy {
  constructor(private readonly shutdown: Shutdown) {}

  async onModuleDestroy(): Promise<void> {
    if (this.shutdown.isStopping) return; // we are its last step: waiting for it would be waiting for ourselves
    await this.shutdown.run(() => Promise.resolve(), 'app.close');
  }
}

/** Provides `Drainables`, `Drain` and `Shutdown` of this process to every module. */
@Module({})
export class LifecycleModule {
  static of({ drainables, drain, shutdown }: Lifecycle): DynamicModule {
    return {
      module: LifecycleModule,
      global: true,
      providers: [
        { provide: Drainables, useValue: drainables },
        { provide: Drain, useValue: drain },
        { provide: Shutdown, useValue: shutdown },
        HostShutdown,
      ],
      exports: [Drainables, Drain, Shutdown],
    };
  }
}
