import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AT_REST, Drain, type Drainable, DRAIN_ORDER, Drainables } from '../lifecycle/index.js';
import { RequestsInFlight } from './requests-in-flight.js';
import { OpenEnds } from './streams/open-ends.js';

/**
 * The web in a shutdown or a drain of the role `web`. Quiet: /health/ready answers 503, so that routers send nobody any
 * more; streams and long polls end; whoever comes all the same is still answered.
 */
@Injectable()
export class WebDrainable implements Drainable, OnModuleInit {
  readonly name = 'http';
  readonly role = 'web';
  readonly order = DRAIN_ORDER.http;
  /** Requests are not tasks: they are counted by `pending`. */
  readonly busy = AT_REST.busy;
  /** The server's close waits for slow requests until the end of the grace; there is nothing to hand over. */
  readonly interrupt = AT_REST.interrupt;
  readonly flush = AT_REST.flush;
  private isQuietNow = false;

  constructor(
    private readonly drainables: Drainables,
    private readonly drain: Drain,
    private readonly requests: RequestsInFlight,
    private readonly openEnds: OpenEnds,
  ) {}

  onModuleInit(): void {
    this.drainables.signIn(this);
  }

  get isQuiet(): boolean {
    return this.isQuietNow;
  }

  quiet(): Promise<void> {
    this.isQuietNow = true;
    this.requests.beginQuiet();
    this.openEnds.end('quiet');
    if (this.drain.state === 'quiet') this.openEnds.end('stop'); // the way out, not a drain
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.isQuietNow = false;
    this.requests.endQuiet();
    this.openEnds.reopen();
    return Promise.resolve();
  }

  pending(): number {
    return this.requests.count;
  }

  untilIdle(): Promise<void> {
    return this.requests.untilAnswered();
  }
}
