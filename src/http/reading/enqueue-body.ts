import { DAY } from '../../foundation/index.js';
import { MOST_TIMEOUT_MS } from '../../jobs/index.js';
import type { EnqueueOptions } from '../../tasks/index.js';
import { BULK_PAYLOADS, PAYLOAD_LIMIT } from '../access/body-limits.js';
import { BodyTooLargeError } from '../errors/request-errors.js';
import { FieldReader, withoutUndefined } from './field-reader.js';

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const OPTIONS = [
  'runAt',
  'delay',
  'key',
  'priority',
  'attempts',
  'timeout',
  'idempotencyKey',
  'requireWorker',
];

/** What an enqueue request says besides its body. */
export interface EnqueueHeaders {
  readonly idempotencyKey: string | undefined;
  /** Content-Length; undefined when the body came in chunks. */
  readonly bodyBytes: number | undefined;
}

export interface EnqueueRequest {
  readonly payload: unknown;
  readonly options: EnqueueOptions;
}

export interface BulkRequest {
  readonly payloads: readonly unknown[];
  readonly options: EnqueueOptions;
}

/** `{payload, options?}`. Throws 413 before 422, as the order of checks has it. */
export function readEnqueue(body: unknown, headers: EnqueueHeaders): EnqueueRequest {
  const reader = FieldReader.body(body, ['payload', 'options']);
  const payload = reader.any('payload');
  checkSizes([payload], headers);
  if (!reader.has('payload')) reader.fault('payload', 'is missing');
  const options = readOptions(reader);
  readHeaderKey(reader, options, headers.idempotencyKey);
  reader.done();
  return { payload, options };
}

/** `{payloads, options?}`; no idempotency key, neither as a header nor as an option. */
export function readBulk(body: unknown, headers: EnqueueHeaders): BulkRequest {
  const reader = FieldReader.body(body, ['payloads', 'options']);
  const payloads = reader.list('payloads') ?? [];
  checkSizes(payloads, headers);
  if (reader.any('payloads') == null) reader.fault('payloads', 'is missing');
  else if (Array.isArray(reader.any('payloads')) && payloads.length === 0)
    reader.fault('payloads', 'is empty');
  if (payloads.length > BULK_PAYLOADS) reader.fault('payloads', `holds more than ${BULK_PAYLOADS} payloads`);
  const options = readOptions(reader);
  if (headers.idempotencyKey !== undefined) reader.fault('Idempotency-Key', NOT_ON_BULK);
  if (options.idempotencyKey !== undefined) reader.fault('options.idempotencyKey', NOT_ON_BULK);
  reader.done();
  return { payloads, options };
}

const NOT_ON_BULK = 'stands for one task and cannot be used with a bulk; use options.key to tag many';

/** While they are read, options may still be added to. */
type Draft = { -readonly [K in keyof EnqueueOptions]: EnqueueOptions[K] };

function readOptions(body: FieldReader): Draft {
  const reader = body.object('options', OPTIONS);
  if (reader === undefined) return {};
  const options = withoutUndefined({
    runAt: reader.instant('runAt'),
    delay: reader.integer('delay', { min: 0, max: 3_650 * DAY, unit: 'ms' }),
    key: reader.text('key', { max: 100 }),
    priority: reader.integer('priority', { min: 1, max: 1_000 }),
    attempts: reader.integer('attempts', { min: 1, max: 1_000 }),
    timeout: reader.integer('timeout', { min: 1, max: MOST_TIMEOUT_MS, unit: 'ms' }),
    idempotencyKey: readKey(reader, 'idempotencyKey'),
    requireWorker: reader.flag('requireWorker'),
  });
  if (options.runAt !== undefined && options.delay !== undefined) {
    reader.fault('delay', 'and runAt exclude each other: give one of them');
  }
  return options;
}

function readKey(reader: FieldReader, name: string): string | undefined {
  return reader.text(name, {
    max: 255,
    pattern: PRINTABLE_ASCII,
    expected: '1 to 255 printable ASCII characters',
  });
}

function readHeaderKey(reader: FieldReader, options: Draft, header: string | undefined): void {
  if (header === undefined) return;
  if (header === '' || header.length > 255 || !PRINTABLE_ASCII.test(header)) {
    reader.fault('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
    return;
  }
  if (options.idempotencyKey !== undefined && options.idempotencyKey !== header) {
    reader.fault('options.idempotencyKey', 'differs from the Idempotency-Key header: give one of them');
    return;
  }
  options.idempotencyKey = header;
}

// A body below the limit can hold no payload above it (but for numbers written like 1e20, which the front desk finds), so
// that ordinary requests are not serialised once more only to be measured.
function checkSizes(payloads: readonly unknown[], { bodyBytes }: EnqueueHeaders): void {
  if (bodyBytes !== undefined && bodyBytes <= PAYLOAD_LIMIT) return;
  for (const payload of payloads) {
    if (Buffer.byteLength(JSON.stringify(payload ?? null)) > PAYLOAD_LIMIT)
      throw new BodyTooLargeError('The payload', PAYLOAD_LIMIT);
  }
}
