import { afterAll, beforeAll, expect, it } from 'vitest';
import { Web } from '../integration/http/web.fixture.js';

interface Document {
  readonly paths: unknown;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

let web: Web;
let document: Document;
beforeAll(async () => {
  web = await Web.start(['web']);
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
