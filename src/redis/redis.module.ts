import { Module } from '@nestjs/common';
import { RedisClients } from './redis-clients.js';

/** Provides the door to Redis. */
@Module({})
export class RedisModule {
  static readonly global = {
    module: RedisModule,
    global: true,
    providers: [RedisClients],
    exports: [RedisClients],
  };
}
