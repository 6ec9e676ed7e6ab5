import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { redactSecrets } from '../../../src/jobs/index.js';
import { pathsMarked } from '../../../src/jobs/json-schema.js';
import { payloadSchemaOf } from '../../../src/jobs/payload-schema-of.js';

const declared = z.strictObject({
  to: z.array(z.strictObject({ name: z.string(), token: z.string().meta({ secret: true }) })).min(1),
  at: z.string().transform((text) => new Date(text)),
  retries: z.int().default(3),
  headers: z.record(z.string(), z.string().meta({ secret: true })).optional(),
});
const schema = payloadSchemaOf(declared);
const good = { to: [{ name: 'a', token: 'T' }], at: '2026-11-21T08:00:00.000Z' };

describe('a payload declared by a zod schema', () => {
  it('gives back what was sent, so that a transform is not applied twice', async () => {
    expect(await schema.parse(good)).toBe(good);
  });

  it('revives as the schema says: defaults and transforms', async () => {
    expect(await schema.revive(good)).toEqual({ ...good, at: new Date(good.at), retries: 3 });
  });

  it('names the path of every fault', async () => {
    await expect(
      schema.parse({ to: [{ name: 1, token: 'T' }], at: 7, retries: 1.5, x: 1 }),
    ).rejects.toMatchObject({
      issues: expect.arrayContaining([
        expect.objectContaining({ path: 'payload.to.0.name' }),
        expect.objectContaining({ path: 'payload.at' }),
        expect.objectContaining({ path: 'payload.retries' }),
        { path: 'payload.x', message: 'property x should not exist' },
      ]) as unknown,
    });
  });

  it('has a JSON Schema of what may be sent, although a part of it is a transform', () => {
    const accepts = new Ajv2020({ strict: false }).compile(schema.jsonSchema());
    expect(accepts(good)).toBe(true);
    expect(accepts({ ...good, at: 7 })).toBe(false);
  });

  it('takes secrets from .meta({ secret: true }), in lists and records', () => {
    const secrets = pathsMarked(schema.jsonSchema(), 'secret');
    expect(redactSecrets({ ...good, headers: { authorization: 'A' } }, secrets)).toEqual({
      to: [{ name: 'a', token: '[secret]' }],
      at: good.at,
      headers: { authorization: '[secret]' },
    });
  });
});

describe('a secret', () => {
  it('is found under a name with a dot, or one that is a star', () => {
    const odd = z.object({
      'api.key': z.string().meta({ secret: true }),
      '*': z.string().meta({ secret: true }),
    });
    const secrets = pathsMarked(payloadSchemaOf(odd).jsonSchema(), 'secret');
    expect(redactSecrets({ 'api.key': 'K', '*': 'S', api: { key: 'open' } }, secrets)).toEqual({
      'api.key': '[secret]',
      '*': '[secret]',
      api: { key: 'open' },
    });
  });

  it('in a list of a schema that holds itself blacks out such lists, not everything', () => {
    interface Tree {
      name: string;
      tokens: string[];
      children?: Tree[] | undefined;
    }
    const tree: z.ZodType<Tree> = z.lazy(() =>
      z.object({
        name: z.string(),
        tokens: z.array(z.string().meta({ secret: true })),
        children: z.array(tree).optional(),
      }),
    );
    const secrets = pathsMarked(payloadSchemaOf(tree).jsonSchema(), 'secret');
    const shown = { name: 'a', tokens: ['[secret]'] };
    expect(
      redactSecrets({ name: 'a', tokens: ['S'], children: [{ name: 'a', tokens: ['S'] }] }, secrets),
    ).toEqual({ ...shown, children: [shown] });
  });
});

describe('a Standard Schema of another library', () => {
  it('is used through the standard alone, asynchronous ones too', async () => {
    const even = payloadSchemaOf({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          Promise.resolve(
            value === 2 ? { value } : { issues: [{ message: 'must be 2', path: [{ key: 'n' }] }] },
          ),
      },
    });
    await expect(even.parse(2)).resolves.toBe(2);
    await expect(even.parse(3)).rejects.toMatchObject({
      issues: [{ path: 'payload.n', message: 'must be 2' }],
    });
    expect(even.jsonSchema()).toEqual({});
  });
});
