import { fork } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { cpuMs, rssMb } from './cpu.js';
import { nodeFor } from './node-for.js';

/** BENCH_CPU_PROFILES=<folder>: each process of a contender leaves its CPU profile there. */
const PROFILES = process.env.BENCH_CPU_PROFILES;

/** One process of a contender, and the calls that can be made into it (see child.js). */
export class ContenderProcess {
  #child;
  #calls = new Map();
  #nextCall = 1;
  #ended;

  /** Forks it and has it opened as `role`, `web` or `worker`. What it logs goes into a file, as it would in production. */
  static async start(contender, role, servers, options = {}) {
    const process = new ContenderProcess(contender, role, servers, options.env);
    await process.call('open', { role, ...options });
    return process;
  }

  constructor(contender, role, servers, env = {}) {
    const log = openSync(join(servers.dir, `${contender}.${role}.log`), 'w');
    this.#child = fork(new URL('./child.js', import.meta.url), [contender], {
      execPath: nodeFor(contender),
      execArgv: PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`] : [],
      stdio: ['ignore', log, env.BENCH_DEBUG || globalThis.process.env.BENCH_DEBUG ? 'inherit' : log, 'ipc'],
      env: {
        ...globalThis.process.env,
        DATABASE_URL: servers.databaseUrl,
        REDIS_URL: servers.redisUrl,
        ...env,
      },
    });
    closeSync(log);
    this.#child.on('message', ({ call, result, error }) => this.#answered(call, result, error));
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
    void this.#ended.then((code) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`${contender} ended with ${code}`));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Calls an operation of child.js. */
  call(operation, argument) {
    const call = this.#nextCall++;
    this.#child.send({ call, operation, argument });
    return new Promise((resolve, reject) => this.#calls.set(call, { resolve, reject }));
  }

  cpuMs() {
    return cpuMs(this.pid);
  }

  rssMb() {
    return rssMb(this.pid);
  }

  async stop() {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#ended;
    clearTimeout(timer);
  }

  #answered(call, result, error) {
    const { resolve, reject } = this.#calls.get(call);
    this.#calls.delete(call);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }
}
