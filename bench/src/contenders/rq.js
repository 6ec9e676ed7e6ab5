import { foreign, PYTHON, run } from '../foreign/foreign.js';

/* Debian: python3-rq. The worker that does not fork: one job at a time. */

export const open = (role) =>
  foreign(role, {
    list: 'rq:queue:bench',
    worker: [
      PYTHON,
      '-m',
      'rq.cli',
      'worker',
      '-w',
      'rq.SimpleWorker',
      '-u',
      process.env.REDIS_URL,
      '-q',
      'bench',
    ],
    produce: (payloads) => run(PYTHON, 'rq_job.py', String(payloads.length), JSON.stringify(payloads[0])),
  });
