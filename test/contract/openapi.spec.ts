import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/wait.js';
import { Web } from '../integration/http/web.fixture.js';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties?: object }>> };
}

let web: Web;
let document: Document;
beforeAll(async () => {
  web = await Web.start(['web', 'worker']);
  document = (await web.get('/docs-json')).body as unknown as Document; // OpenAPI
});
afterAll(() => web.stop());

// A difference here is a change of the surface that others rely on: it wants a line in the CHANGELOG, then `vitest -u`.
it('the OpenAPI document is what it was', async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('openapi.snap');
});

it('every reference of the document leads somewhere', async () => {
  const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
    (match) => match[1] ?? '',
  );
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !(name in document.components.schemas))).toEqual([]);
});

it('has every status and every field of what is answered', async () => {
  const told = async (method: string, path: string, route: string, schema: string, json?: unknown) => {
    const { status, body } = await web.call(method, path, { ...(json !== undefined && { json }) });
    expect([path, status]).toEqual([path, expect.toBeOneOf([200, 201, 202])]);
    expect(Object.keys(document.paths[route]?.[method.toLowerCase()]?.responses ?? {})).toContain(
      String(status),
    );
    const fields = Object.keys(document.components.schemas[schema]?.properties ?? {});
    const items = 'items' in body ? body.items : [body];
    for (const item of items) expect(fields).toEqual(expect.arrayContaining(Object.keys(item)));
    return body;
  };
  const schedule = { job: 'test.echo', payload: { text: 'a' }, every: 3_600_000, misfireLimit: 5 };
  for (let i = 0; i < 2; i++)
    await told('PUT', '/schedules/hourly', '/schedules/{name}', 'Schedule', schedule);
  const later = { payload: { text: 'a' }, options: { delay: 3_600_000, idempotencyKey: 'later' } };
  for (let i = 0; i < 2; i++) await told('POST', '/jobs/test.echo', '/jobs/test.echo', 'EnqueuedTask', later);
  const [waiting] = (await web.get('/tasks?status=SCHEDULED')).body.items;
  for (let i = 0; i < 2; i++)
    await told('POST', `/tasks/${String(waiting?.id)}/cancel`, '/tasks/{id}/cancel', 'Task');
  await web.ended(await web.enqueue('test.fail', { why: 'to be retried' }));
  const [failed] = await waitFor('the FailedTask', async () => {
    const { items } = await told('GET', '/failed-tasks', '/failed-tasks', 'FailedTask');
    return items.length === 1 && items;
  });
  for (let i = 0; i < 2; i++)
    await told('POST', `/failed-tasks/${String(failed?.id)}/retry`, '/failed-tasks/{id}/retry', 'Retried');
  await told('GET', '/processes', '/processes', 'Process');
  await told('GET', '/queues', '/queues', 'Queue');
});

it('has a path for each job, with the schema of its payload', async () => {
  expect(document.paths).toHaveProperty(
    [
      '/jobs/test.echo',
      'post',
      'requestBody',
      'content',
      'application/json',
      'schema',
      'properties',
      'payload',
    ],
    { $ref: '#/components/schemas/payload.test.echo' },
  );
  expect(document.components.schemas['payload.test.echo']).toMatchObject({
    type: 'object',
    required: ['text'],
  });
});
