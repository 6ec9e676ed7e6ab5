/**
 * What a process is doing with itself. `draining` is quiet because of a wish, and may end; `quiet` is the way out.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> running
 *   running --> draining: a wish asks for it
 *   draining --> running: the wish was taken back, or lapsed
 *   running --> quiet: shutdown
 *   draining --> quiet: shutdown
 *   quiet --> [*]
 * ```
 */
export type ProcessState = 'running' | 'draining' | 'quiet';

const EDGES: Readonly<Record<ProcessState, readonly ProcessState[]>> = {
  running: ['draining', 'quiet'],
  draining: ['running', 'quiet'],
  quiet: [],
};

/** Whether a process may go from one state to another. Staying where one is is no move. */
export function mayMove(from: ProcessState, to: ProcessState): boolean {
  return EDGES[from].includes(to);
}
