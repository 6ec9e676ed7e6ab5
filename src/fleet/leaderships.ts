import { Injectable } from '@nestjs/common';
import { RedisClients } from '../redis/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Leadership } from './leadership.js';

/** Makes contenders: `leaderships.of('clock')`. Each call makes another one; start it, and resign it. */
@Injectable()
export class Leaderships {
  constructor(
    private readonly redis: RedisClients,
    private readonly telemetry: Telemetry,
  ) {}

  of(name: string): Leadership {
    return new Leadership(name, this.redis, this.telemetry);
  }
}
