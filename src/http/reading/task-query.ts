import { TASK_STATUSES, type TaskFilter } from '../../ledger/index.js';
import { readBulkFilter } from './bulk-filter.js';
import { FieldReader, withoutUndefined } from './field-reader.js';
import { type PageQuery, QueryReader, type RawQuery } from './query-reader.js';

/** `GET /tasks?status=&job=&queue=&key=&q=&limit=&cursor=` */
export function readTaskQuery(query: RawQuery): { filter: TaskFilter; page: PageQuery } {
  const reader = new QueryReader(query, ['status', 'job', 'queue', 'key', 'q', 'limit', 'cursor']);
  const filter = withoutUndefined({
    status: reader.oneOf('status', TASK_STATUSES),
    job: reader.text('job'),
    queue: reader.text('queue'),
    key: reader.text('key'),
    q: reader.text('q'),
  });
  const page = reader.page();
  reader.done();
  return { filter, page };
}

/** `{filter: {job?, queue?, status?, key?, from?, to?} | {all: true}}`; a filter that says nothing is refused. */
export function readCancelFilter(body: unknown): TaskFilter {
  const reader = FieldReader.body(body, ['filter']);
  const filter = readBulkFilter(reader, ['job', 'queue', 'status', 'key', 'from', 'to'], (parts) =>
    withoutUndefined({
      job: parts.text('job', { max: 100 }),
      queue: parts.text('queue', { max: 100 }),
      status: parts.oneOf('status', ['SCHEDULED', 'QUEUED', 'STARTED', 'RETRYING']),
      key: parts.text('key', { max: 100 }),
      from: parts.instant('from'),
      to: parts.instant('to'),
    }),
  );
  reader.done();
  return filter;
}
