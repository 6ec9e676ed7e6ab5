/**
 * A set of slots that serves one queue, or several in strict order.
 * `high:10` is one lane of ten slots for `high`; `high>default:10` is one lane of ten slots that takes from `default`
 * only while `high` is empty (as `rqworker high default` does).
 */
export interface Lane {
  /** Queue names, first served first. */
  readonly queues: readonly string[];
  /** Tasks that may run at once in this lane, ≥ 1. */
  readonly slots: number;
}

export const QUEUE_NAME = /^[a-z][a-z0-9_-]{0,62}$/;

/** Reads `high:10,default:5` or `mail:5,high>default>low:10`. Answers the lanes, or what is wrong with the text. */
export function parseQueues(text: string): Lane[] | string {
  const lanes: Lane[] = [];
  const seen = new Set<string>();
  for (const part of text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')) {
    const lane = parseLane(part);
    if (typeof lane === 'string') return lane;
    for (const queue of lane.queues) {
      if (seen.has(queue)) return `names the queue "${queue}" twice`;
      seen.add(queue);
    }
    lanes.push(lane);
  }
  return lanes.length > 0 ? lanes : 'names no queue';
}

function parseLane(part: string): Lane | string {
  const [names = '', slotsText, ...rest] = part.split(':').map((each) => each.trim());
  const slots = Number(slotsText);
  if (rest.length > 0 || slotsText === undefined || !Number.isInteger(slots) || slots < 1 || slots > 1_000) {
    return `"${part}" needs a number of slots from 1 to 1000 after its name`;
  }
  const queues = names.split('>').map((each) => each.trim());
  const bad = queues.find((name) => !QUEUE_NAME.test(name));
  return bad === undefined ? { queues, slots } : notAQueueName(bad);
}

/** What is wrong with a name that `QUEUE_NAME` does not fit. */
export function notAQueueName(name: string): string {
  return `"${name}" is no queue name (lower-case letters, digits, _ and -, starting with a letter)`;
}

/** The queue names of all lanes, in order. */
export function queueNames(lanes: readonly Lane[]): string[] {
  return lanes.flatMap((lane) => lane.queues);
}
