import { foreign, PYTHON, run } from '../foreign/foreign.js';

/* Debian: python3-celery. Its default pool: processes; results are not kept. */

export const open = (role, { concurrency }) =>
  foreign(role, {
    list: 'celery',
    worker: [
      PYTHON,
      '-m',
      'celery',
      '-A',
      'celery_app',
      'worker',
      '-c',
      String(concurrency),
      '--loglevel',
      'WARNING',
    ],
    produce: (payloads) => run(PYTHON, 'celery_app.py', String(payloads.length), JSON.stringify(payloads[0])),
  });
