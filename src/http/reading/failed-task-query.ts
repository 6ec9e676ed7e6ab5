import { FAILED_TASK_STATES, type FailedTaskFilter } from '../../ledger/index.js';
import { readBulkFilter } from './bulk-filter.js';
import { FieldReader, withoutUndefined } from './field-reader.js';
import { type PageQuery, QueryReader, type RawQuery } from './query-reader.js';

const REASON = { max: 1_000 };

/** `GET /failed-tasks?state=&job=&queue=&fingerprint=&key=&limit=&cursor=`, and of `/groups`. */
export function readFailedTaskQuery(query: RawQuery): {
  filter: FailedTaskFilter;
  page: PageQuery;
} {
  const reader = new QueryReader(query, ['state', 'job', 'queue', 'fingerprint', 'key', 'limit', 'cursor']);
  const filter = withoutUndefined({
    state: reader.oneOf('state', FAILED_TASK_STATES),
    job: reader.text('job'),
    queue: reader.text('queue'),
    fingerprint: reader.text('fingerprint'),
    key: reader.text('key'),
  });
  const page = reader.page();
  reader.done();
  return { filter, page };
}

/** `{filter: {fingerprint?, job?, queue?, from?, to?} | {all: true}}`; a filter that says nothing is refused. */
export function readRetryFilter(body: unknown): FailedTaskFilter {
  const reader = FieldReader.body(body, ['filter']);
  const filter = readFilter(reader);
  reader.done();
  return filter;
}

/** The same, with a `reason?`. */
export function readBulkDismiss(body: unknown): { filter: FailedTaskFilter; reason?: string } {
  const reader = FieldReader.body(body, ['filter', 'reason']);
  const filter = readFilter(reader);
  const reason = withoutUndefined({ reason: reader.text('reason', REASON) });
  reader.done();
  return { filter, ...reason };
}

function readFilter(body: FieldReader): FailedTaskFilter {
  return readBulkFilter(body, ['fingerprint', 'job', 'queue', 'from', 'to'], (parts) =>
    withoutUndefined({
      fingerprint: parts.text('fingerprint', { max: 200 }),
      job: parts.text('job', { max: 100 }),
      queue: parts.text('queue', { max: 100 }),
      from: parts.instant('from'),
      to: parts.instant('to'),
    }),
  );
}

/** `{payload?}` */
export function readRetry(body: unknown): { payload?: unknown } {
  const reader = FieldReader.body(body, ['payload']);
  reader.done();
  return reader.has('payload') ? { payload: reader.any('payload') } : {};
}

/** `{reason?}` */
export function readDismiss(body: unknown): { reason?: string } {
  const reader = FieldReader.body(body, ['reason']);
  const reason = withoutUndefined({ reason: reader.text('reason', REASON) });
  reader.done();
  return reason;
}
