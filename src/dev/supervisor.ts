import { backoffMs } from '../foundation/index.js';
import { type ChildCommand, SupervisedChild } from './supervised-child.js';

export interface SupervisorOptions {
  /** Ms from the first signal to the moment the last child must be gone. */
  graceMs: number;
  /** Takes each line: who said it, and what. */
  print: (name: string, line: string) => void;
}

interface Ward {
  command: ChildCommand;
  child: SupervisedChild | undefined;
  /** How many times in a row it has ended by itself. */
  failures: number;
  timer?: NodeJS.Timeout;
  /** Counts starts, so that the end of an earlier child is not taken for the end of this one. */
  generation: number;
}

/** A child that ran this long was all right: its next restart is quick again. */
const HEALTHY_AFTER_MS = 10_000;
const PAUSE = { type: 'exponential', delay: 500 } as const;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Runs child processes side by side, without a shell between (a shell does not pass signals on). They are stopped one
 * after the other in the order in which they were added: those that bring work first, those that do it last.
 */
export class Supervisor {
  private readonly wards: Ward[] = [];
  private stopping: Promise<void> | undefined;

  constructor(private readonly options: SupervisorOptions) {}

  /** Starts a child and looks after it until `stop`. */
  add(command: ChildCommand): void {
    const ward: Ward = { command, child: undefined, failures: 0, generation: 0 };
    this.wards.push(ward);
    this.start(ward);
  }

  /** Stops the named children in order and starts them again; what `between` does happens while none of them runs. */
  async restart(
    names: readonly string[],
    between: () => Promise<void> = async () => Promise.resolve(),
  ): Promise<void> {
    const wards = this.wards.filter((ward) => names.includes(ward.command.name));
    await this.end(wards);
    await between();
    for (const ward of wards) this.start(ward);
  }

  /** Stops all children, in order, within the grace. Resolves when none is left; every call gets the same promise. */
  async stop(): Promise<void> {
    this.stopping ??= this.end(this.wards);
    return this.stopping;
  }

  /** SIGKILL for all: the person at the keyboard has lost patience. */
  kill(): void {
    for (const ward of this.wards) ward.child?.kill();
  }

  private start(ward: Ward): void {
    if (this.stopping !== undefined) return;
    const { name } = ward.command;
    const startedAt = performance.now();
    const generation = (ward.generation += 1);
    const child = new SupervisedChild(ward.command, (line) => {
      this.options.print(name, line);
    });
    ward.child = child;
    void child.exited.then((how) => {
      if (ward.generation !== generation) return; // we ended it ourselves
      this.options.print(name, `ended: ${how}`);
      ward.failures = performance.now() - startedAt > HEALTHY_AFTER_MS ? 1 : ward.failures + 1;
      if (ward.command.restart === true) this.startLater(ward);
    });
  }

  private startLater(ward: Ward): void {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, backoffMs(PAUSE, ward.failures, 0.5));
    this.options.print(ward.command.name, `starts again in ${String(pauseMs)} ms`);
    ward.timer = setTimeout(() => {
      this.start(ward);
    }, pauseMs);
  }

  private async end(wards: readonly Ward[]): Promise<void> {
    const deadline = performance.now() + this.options.graceMs;
    for (const ward of wards) {
      ward.generation += 1;
      clearTimeout(ward.timer);
    }
    for (const ward of wards) await ward.child?.stop(Math.max(0, deadline - performance.now()));
  }
}
