import { isReleaseNamed, loadSettings, type Environment } from '../config/index.js';
import type { Action, Session } from './action.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Output } from './output.js';

/** What every command gets to work with, and where its exit code ends up. */
export class Cli implements Session {
  exitCode: ExitCode = EXIT.done;

  constructor(
    private readonly env: Environment,
    readonly output: Output,
    /** Aborted by the first Ctrl-C. */
    readonly interrupted: AbortSignal,
  ) {}

  /**
   * What a command does when it was typed. Settings first, so that a fault in them is told at once; then only the code that
   * this command needs: loading all of it would take longer than most answers.
   */
  doing<Args extends unknown[]>(load: () => Promise<Action<Args>>): (...args: Args) => Promise<void> {
    return async (...args) => {
      const { settings } = loadSettings(this.env, []);
      const action = await load();
      const { openRooms } = await import('./rooms.js');
      const rooms = await openRooms(settings, this.output, action.rooms);
      try {
        this.exitCode = await action.run(this, rooms, ...args);
      } finally {
        await rooms.close();
      }
    };
  }

  /** Whether the release of this program was named by the environment, rather than being the hash of its build. */
  get isReleaseNamed(): boolean {
    return isReleaseNamed(this.env);
  }
}
