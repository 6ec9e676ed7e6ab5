import type { BusyWith, Drainable } from './drainable.js';

const nothing = (): Promise<void> => Promise.resolve();

/**
 * The methods of a `Drainable` for a room to which they mean nothing. A room names each one that it takes, so that none is
 * left out by mistake: the compiler asks for the others.
 */
export const AT_REST = {
  quiet: nothing,
  resume: nothing,
  busy: (): readonly BusyWith[] => [],
  pending: (): number => 0,
  untilIdle: nothing,
  interrupt: nothing,
  flush: nothing,
} satisfies Partial<Drainable>;
