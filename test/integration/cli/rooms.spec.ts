import { PassThrough } from 'node:stream';
import { Module } from '@nestjs/common';
import { expect, it } from 'vitest';
import { Output } from '../../../src/cli/output.js';
import { openRooms } from '../../../src/cli/rooms.js';
import { loadSettings } from '../../../src/config/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { environmentOf, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let clients: RedisClients | undefined;

const broken = {
  provide: 'broken',
  inject: [RedisClients],
  useFactory: (opened: RedisClients) => {
    clients = opened;
    throw new Error('cannot be built');
  },
};

@Module({ providers: [broken] })
class BrokenModule {}

it('rooms that cannot be built leave no connection behind that would keep the process alive', async () => {
  const { settings } = loadSettings(environmentOf(uniqueAppName()), []);
  const output = new Output({ stdout: new PassThrough(), stderr: new PassThrough() });
  await expect(openRooms(settings, output, { modules: [BrokenModule] })).rejects.toThrow('cannot be built');
  await waitFor('the end of the connections', () => clients?.count === 0, { deadlineMs: 5_000 });
});
