import { loadSettings, type Role, type Settings } from '../../../src/config/index.js';
import { DrainAnswers } from '../../../src/control/drain-answers.js';
import { DrainChannel } from '../../../src/control/drain-channel.js';
import { DrainRequest, DrainResponder } from '../../../src/control/index.js';
import { Heartbeat, RollCall, ThisProcess } from '../../../src/fleet/index.js';
import { StartedBy } from '../../../src/ledger/index.js';
import { Processes } from '../../../src/ledger/processes.js';
import { type BusyWith, createLifecycle, type Drainable } from '../../../src/lifecycle/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { Telemetry } from '../../../src/telemetry/index.js';
import { databaseUrl } from '../../support/servers.js';

export interface World {
  readonly appName: string;
  readonly redisUrl: string;
}

/** A room whose work is whatever the test says. */
export class Room implements Drainable {
  isQuiet = false;
  running: BusyWith[] = [];
  unrecorded = 0;
  readonly order = 40;

  constructor(
    readonly name: string,
    readonly role: Role,
  ) {}

  async quiet(): Promise<void> {
    this.isQuiet = true;
  }
  async resume(): Promise<void> {
    this.isQuiet = false;
  }
  busy(): readonly BusyWith[] {
    return this.running;
  }
  pending(): number {
    return this.unrecorded;
  }
  async untilIdle(): Promise<void> {}
  async interrupt(): Promise<void> {}
  async flush(): Promise<void> {}
}

function settingsOf({ appName, redisUrl }: World, roles: Role[], release: string): Settings {
  return loadSettings(
    { DATABASE_URL: databaseUrl(), REDIS_URL: redisUrl, APP_NAME: appName, RELEASE: release },
    roles,
  ).settings;
}

/** What every process has; `close` ends its connections. */
async function openDoors(settings: Settings) {
  const telemetry = new Telemetry();
  const redis = new RedisClients(settings, telemetry);
  const postgres = new Postgres(settings, []);
  await redis.untilReady(10_000);
  const close = async (): Promise<void> => {
    redis.close();
    await postgres.close();
  };
  return {
    telemetry,
    redis,
    postgres,
    channel: new DrainChannel(redis),
    rollCall: new RollCall(redis, postgres),
    close,
  };
}

/** The asking side, as a one-off process is. */
export async function openCaller(world: World, release = 'r1') {
  const settings = settingsOf(world, [], release);
  const doors = await openDoors(settings);
  const request = new DrainRequest(
    settings,
    doors.channel,
    doors.rollCall,
    new StartedBy(doors.postgres),
    doors.telemetry,
  );
  return { ...doors, request };
}

/** A member of the fleet with a room per role: registered, beating, obeying. Several of them live in one operating system process. */
export async function boot(
  world: World,
  roles: Role[],
  { release = 'r1', beats = true }: { release?: string; beats?: boolean } = {},
) {
  const settings = settingsOf(world, roles, release);
  const doors = await openDoors(settings);
  const { telemetry, channel, postgres } = doors;
  const self = new ThisProcess(settings);
  const { drainables, drain } = createLifecycle(settings, telemetry);
  const rooms = new Map(roles.map((role) => [role, new Room(role, role)]));
  for (const room of rooms.values()) drainables.signIn(room);
  const heartbeat = new Heartbeat(settings, self, telemetry);
  const responder = new DrainResponder(
    channel,
    new DrainAnswers(channel, drain, self, telemetry),
    drain,
    self,
    telemetry,
  );
  const lapses: unknown[] = [];
  telemetry.addSink((event) => {
    if (event.name === 'drain.lapsed') lapses.push(event.fields);
  });
  await new Processes(postgres).register(self);
  if (beats) await heartbeat.start();
  await responder.start();
  return {
    id: self.id,
    drain,
    lapses,
    channel,
    room: (role: Role): Room => rooms.get(role) ?? new Room('none', role),
    leave: async (): Promise<void> => {
      await responder.stop();
      await heartbeat.stop();
      await new Processes(postgres).left(self.id, { owes: false });
      await doors.close();
    },
  };
}

export type Caller = Awaited<ReturnType<typeof openCaller>>;
export type Member = Awaited<ReturnType<typeof boot>>;
