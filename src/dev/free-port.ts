import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/**
 * Below the range from which the kernel hands out ports for outgoing connections (32768 and up on Linux, 49152 on
 * macOS): a server that is stopped and started again on its port must not find somebody's outgoing connection there.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(port)) return port;
  }
}

/** The port that PORT asks for; empty or blank counts as not set. */
export function wantedPort(text: string | undefined): number {
  return text === undefined || text.trim() === '' ? 3_000 : Number(text);
}

/** The first port from `wanted` upwards that is free on every address of this machine. */
export async function nextFreePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + 100; port += 1) {
    if ((await isFree(port, '::')) && (await isFree(port, '0.0.0.0')) && (await isFree(port))) return port;
  }
  return freePort();
}

async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');
    });
    probe.listen({ port, host, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}
