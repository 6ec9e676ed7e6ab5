import type { Shutdown } from './shutdown.js';

/** Exit code of whoever was ended by SIGINT: 128 + 2. */
export const INTERRUPTED = 130;
/** This long before the end of the grace the process ends, whatever still holds it. */
const LAST_MOMENT_MS = 50;

/**
 * The first SIGTERM or SIGINT shuts down. Platforms send several SIGTERMs, at any spacing, and a supervisor passes its own
 * on: a repeated one changes nothing. A second SIGINT is a person who does not want to wait: exit at once with 130.
 *
 * Call it before anything else is made, so that a signal during the boot finds somebody; `closeApp` closes what there is
 * by then. `exit` is called once with the exit code, at the latest just before the end of the grace. Answers the way to
 * stop listening.
 */
export function listenForSignals(
  shutdown: Shutdown,
  closeApp: () => Promise<void>,
  exit: (code: number) => void,
): () => void {
  let interrupts = 0;
  const stop = (signal: NodeJS.Signals): void => {
    if (shutdown.isStopping) return;
    // Not unref'd: it also keeps the process from ending by itself before the exit code is known.
    const lastMoment = setTimeout(() => {
      exit(1);
    }, shutdown.graceMs - LAST_MOMENT_MS);
    void shutdown.run(closeApp, signal).then((code) => {
      clearTimeout(lastMoment);
      exit(code);
    });
  };
  const onTerm = (): void => {
    stop('SIGTERM');
  };
  const onInt = (): void => {
    interrupts++;
    if (interrupts > 1) exit(INTERRUPTED);
    else stop('SIGINT');
  };
  process.on('SIGTERM', onTerm);
  process.on('SIGINT', onInt);
  return () => {
    process.off('SIGTERM', onTerm);
    process.off('SIGINT', onInt);
  };
}
