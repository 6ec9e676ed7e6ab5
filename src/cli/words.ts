import { DAY, HOUR, MINUTE, SECOND } from '../foundation/index.js';

/** A length of time as people say it: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`. Pure. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return pair(ms, MINUTE, 'min', SECOND, 's');
  if (ms < DAY) return pair(ms, HOUR, 'h', MINUTE, 'min');
  return pair(ms, DAY, 'd', HOUR, 'h');
}

/** How long ago an instant was. Pure: `now` in epoch ms. */
export function since(instant: string | null, now: number): string {
  return instant === null ? '' : duration(Math.max(0, now - Date.parse(instant)));
}

/** `1 task`, `2 tasks`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}
