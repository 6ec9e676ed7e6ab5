import { Cron } from 'croner';

// A compiled pattern weighs some 80 KB (it holds a mark for each of 10,000 years): 10,000 schedules would take 800 MB.
// Compiling takes 30 µs, so only the latest are kept.
const KEPT = 64;
const compiled = new Map<string, Cron>();

/** The pattern, ready to be asked. Throws croner's error when it is not one, or the zone is unknown when it is first asked. */
export function compile(cron: string, timeZone: string): Cron {
  const key = `${timeZone} ${cron}`;
  const known = compiled.get(key);
  if (known) return known;
  const fresh = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-or-6-parts' });
  const oldest = compiled.keys().next();
  if (compiled.size >= KEPT && !oldest.done) compiled.delete(oldest.value);
  compiled.set(key, fresh);
  return fresh;
}
