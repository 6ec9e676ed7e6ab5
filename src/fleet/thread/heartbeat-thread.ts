import { parentPort, workerData } from 'node:worker_threads';
import type { FromThread, ThreadOptions, ToThread } from './messages.js';
import { Pulse } from './pulse.js';

/* The entry of the worker thread: mail in, mail out. What it does is in pulse.ts. */

const port = parentPort;
if (port === null) throw new Error('heartbeat-thread runs as a worker thread only');

const pulse = new Pulse(workerData as ThreadOptions, (message: FromThread) => {
  port.postMessage(message);
}); // set by Heartbeat
pulse.start();

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'record':
      pulse.speakOf(message.record);
      break;
    case 'holdBreath':
      pulse.holdBreath();
      break;
    case 'stop':
      void pulse.stop(message.left).finally(() => {
        port.postMessage({ kind: 'stopped' } satisfies FromThread);
        port.close();
      });
  }
});
