const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the name is a time zone that this Node knows (IANA names, `UTC`). */
export function isTimeZone(name: string): boolean {
  try {
    format(name);
    return true;
  } catch {
    return false; // Intl's way of saying no
  }
}

/** What a clock on the wall of that zone shows, as if it were UTC: epoch ms of the local date and time. */
export function wallMs(timeZone: string, instantMs: number): number {
  const parts = format(timeZone).formatToParts(new Date(instantMs));
  const read = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value);
  const seconds = Date.UTC(
    read('year'),
    read('month') - 1,
    read('day'),
    read('hour'),
    read('minute'),
    read('second'),
  );
  return seconds + (((instantMs % 1_000) + 1_000) % 1_000);
}

/** Milliseconds that the zone is ahead of UTC at that instant. */
export function offsetMs(timeZone: string, instantMs: number): number {
  return wallMs(timeZone, instantMs) - instantMs;
}

function format(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const fresh = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, fresh);
  return fresh;
}
