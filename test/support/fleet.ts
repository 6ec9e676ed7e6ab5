import { loadSettings, type Settings } from '../../src/config/index.js';
import { Heartbeat, RollCall, ThisProcess, type Overdue } from '../../src/fleet/index.js';
import { migrate, openPostgres, Postgres } from '../../src/postgres/index.js';
import { RedisClients } from '../../src/redis/index.js';
import { type EmittedEvent, Telemetry } from '../../src/telemetry/index.js';
import { environmentOf } from './servers.js';

export interface Member {
  readonly settings: Settings;
  readonly telemetry: Telemetry;
  readonly events: EmittedEvent[];
  readonly postgres: Postgres;
  readonly redis: RedisClients;
  readonly self: ThisProcess;
  readonly heartbeat: Heartbeat;
  readonly roll: RollCall;
  /** Every process this member has heard to be overdue. */
  readonly dead: Set<string>;
  /** How often this member had to presume itself dead. */
  readonly presumedDead: number;
  /** Registers in the ledger and begins to beat. */
  join(): Promise<void>;
  close(): Promise<void>;
}

/** The fleet's rooms of one process, made by hand, in a world that is migrated. */
export async function openMember(appName: string, env: Record<string, string> = {}): Promise<Member> {
  const { settings } = loadSettings({ ...environmentOf(appName), LOG_LEVEL: 'silent', ...env }, ['worker']);
  const telemetry = new Telemetry();
  const events: EmittedEvent[] = [];
  telemetry.addSink((event) => events.push(event));
  await migrate(settings);
  const postgres = new Postgres(settings, []);
  await openPostgres(postgres, telemetry);
  const redis = new RedisClients(settings, telemetry);
  await redis.untilReady(10_000);
  const self = new ThisProcess(settings);
  const heartbeat = new Heartbeat(settings, self, telemetry);
  const dead = new Set<string>();
  heartbeat.onDeaths((overdue: readonly Overdue[]) => {
    for (const { id } of overdue) dead.add(id);
  });
  let presumedDead = 0;
  heartbeat.onPresumedDead(() => {
    presumedDead++;
  });
  return {
    get presumedDead() {
      return presumedDead;
    },
    settings,
    telemetry,
    events,
    postgres,
    redis,
    self,
    heartbeat,
    dead,
    roll: new RollCall(redis, postgres),
    join: async () => {
      await postgres.query(
        { text: `INSERT INTO shiftwork.process (id, roles, host, pid, release) VALUES ($1, $2, $3, $4, $5)` },
        [self.id, self.roles, self.host, self.pid, self.release],
      );
      await heartbeat.start();
    },
    close: async () => {
      await heartbeat.stop();
      redis.close();
      await postgres.close();
    },
  };
}
