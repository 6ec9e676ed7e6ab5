import autocannon from 'autocannon';
import { NOOP_PAYLOAD } from '../payload.js';
import { cpuMs } from '../cpu.js';

const SECONDS = 5;
const CONNECTIONS = 100;

/** POST a job over HTTP, a hundred connections at once; answered when it is committed, or, for raw Bull, in Redis. */
export const httpRow = {
  id: 'http',
  title: 'HTTP enqueue, 100 connections (beside: Nest + Fastify + raw Bull)',
  unit: 'requests/s',
  isQuick: true,
  contenders: ['shiftwork', 'bull'],
  goal: { kind: 'ratio', must: 0.75, aim: 0.9 },
  cpuGoal: undefined,
  async measure(bench, contender) {
    const producer = await bench.producer(contender);
    const url = await producer.call('listen');
    await fire(url, 1);
    const clocks = [
      () => producer.cpuMs(),
      () => cpuMs(bench.servers.pids.redis),
      () => cpuMs(bench.servers.pids.postgres),
    ];
    const before = clocks.map((read) => read());
    const { perSecond, requests } = await fire(url, SECONDS);
    const used = clocks.map((read, i) => ((read() - before[i]) * 1_000) / requests);
    await bench.clear(contender);
    const [webUs, redisUs, postgresUs] = used;
    return {
      value: perSecond,
      cpuUs: webUs + redisUs + postgresUs,
      notes: { 'web µs': webUs, 'redis µs': redisUs, 'postgres µs': postgresUs },
    };
  },
};

async function fire(url, duration) {
  const result = await autocannon({
    url,
    duration,
    connections: CONNECTIONS,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ payload: NOOP_PAYLOAD }),
  });
  if (result['2xx'] === 0 || result.non2xx > 0)
    throw new Error(`${result.non2xx} of the answers were refusals`);
  return { perSecond: result['2xx'] / result.duration, requests: result['2xx'] };
}
