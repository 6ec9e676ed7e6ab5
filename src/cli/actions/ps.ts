import { RollCall, type ProcessRecord } from '../../fleet/index.js';
import type { Action } from '../action.js';
import { EXIT } from '../exit-codes.js';
import type { Column } from '../table.js';
import { count, duration, since } from '../words.js';

export const ps: Action = {
  rooms: { modules: [] },
  async run({ output }, rooms) {
    const { live, silent } = await rooms.get(RollCall).roll();
    output.list(live, columns(Date.now()), 'No process is alive. Start one: node dist/main.js worker');
    if (silent.length > 0)
      output.note(
        `Silent (booted, not gone, no heartbeat): ${count(silent.length, 'process')}: ${silent.map((row) => row.id).join(', ')}`,
      );
    return EXIT.done;
  },
};

function columns(now: number): Column<ProcessRecord>[] {
  return [
    { heading: 'PROCESS', of: (it) => it.id },
    { heading: 'ROLES', of: (it) => it.roles.join('+') },
    { heading: 'HOST', of: (it) => `${it.host}:${it.pid}` },
    { heading: 'RELEASE', of: (it) => it.release.slice(0, 12) },
    { heading: 'STATE', of: (it) => it.state },
    {
      heading: 'QUEUES',
      of: (it) => it.queues.map((queue) => `${queue}:${it.concurrency[queue] ?? 0}`).join(','),
    },
    { heading: 'RUNNING', of: (it) => it.running.length, align: 'right' },
    { heading: 'UP', of: (it) => since(it.bootedAt, now), align: 'right' },
    { heading: 'BEAT', of: (it) => since(it.heartbeatAt, now), align: 'right' },
    { heading: 'LAG', of: (it) => duration(it.loopLag), align: 'right' },
  ];
}
