export type Level = 'debug' | 'info' | 'warn' | 'error';

/** One entry of the catalogue. `error` means somebody must act. The sentence is constant; values are fields. */
export interface EventSpec<Fields extends object> {
  readonly level: Level;
  readonly sentence: string;
  /** Carries the type only; never set. */
  readonly fields?: Fields;
}

/** Declares an event: `event<{ queue: string }>('info', 'A queue was paused')`. */
export function event<Fields extends object>(level: Level, sentence: string): EventSpec<Fields> {
  return { level, sentence };
}
