import type { Type } from '@nestjs/common';
import type { Settings } from '../config/index.js';
import type { ExitCode } from './exit-codes.js';
import type { Output } from './output.js';

/** What an action needs before it can run. */
export interface Needs {
  /** Modules of the rooms that it uses, beside the servers', the ledger's and the fleet's. */
  readonly modules: readonly Type[];
  /** `needed`: cannot do without it; `wanted`: goes on without, and says so; `asked`: finds out for itself. Default `needed`. */
  readonly redis?: 'needed' | 'wanted' | 'asked';
  readonly postgres?: 'needed' | 'asked';
}

/** The rooms of Shiftwork, in a process that is no member of the fleet: it beats for nobody and obeys no drain. */
export interface Rooms {
  readonly settings: Settings;
  get<T>(type: Type<T>): T;
  /** Ends every connection; nothing keeps the process alive afterwards. */
  close(): Promise<void>;
}

/** The person at the other end. */
export interface Session {
  readonly output: Output;
  /** Aborted by the first Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Whether the release of this program was named by the environment, rather than being the hash of its build. */
  readonly isReleaseNamed: boolean;
}

/** What a command does: opened rooms and what the person typed → an exit code. */
export interface Action<Args extends unknown[] = []> {
  readonly rooms: Needs;
  run(cli: Session, rooms: Rooms, ...args: Args): Promise<ExitCode>;
}
