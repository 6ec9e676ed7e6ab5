import { Type, type TypeHelpOptions } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsDate,
  IsEmail,
  IsEnum,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsOptional,
  IsString,
  IsUrl,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import {
  InvalidPayloadError,
  NoPayload,
  type PayloadIssue,
  redactSecrets,
  Secret,
} from '../../../src/jobs/index.js';
import { pathsMarked } from '../../../src/jobs/json-schema.js';
import { payloadSchemaOf } from '../../../src/jobs/payload-schema-of.js';

enum Fit {
  Cover = 'cover',
  Contain = 'contain',
}

class Login {
  @IsString() user!: string;
  @Secret() @IsString() password!: string;
}

abstract class Payment {
  @IsOptional() @IsString() note?: string;
}

class Card extends Payment {
  @Secret() @IsString() number!: string;
}

class Voucher extends Payment {
  @IsString() code!: string;
}

class PaymentPayload {
  @ValidateNested()
  @Type(() => Payment, {
    discriminator: {
      property: 'kind',
      subTypes: [
        { value: Voucher, name: 'voucher' },
        { value: Card, name: 'card' },
      ],
    },
  })
  payment!: Card | Voucher;
}

/** Another class of the same name, as two files may have. */
function otherLogin(): new () => object {
  class Login {
    @Secret() @IsString() pin!: string;
  }
  return Login;
}

class Step {
  @IsInt() @Min(1) size!: number;
  @IsOptional() @ValidateNested({ each: true }) @Type(() => Step) then?: Step[];
}

class ResizePayload {
  @IsString() @Length(1, 200) source!: string;
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(3)
  @IsInt({ each: true })
  @Min(16, { each: true })
  @Max(4096, { each: true })
  widths!: number[];
  @IsIn(['webp', 'png']) format: 'webp' | 'png' = 'webp';
  @IsOptional() @IsEnum(Fit) fit?: Fit;
  @IsOptional() @IsNumber() quality?: number | null;
  @IsOptional() @ValidateNested() @Type(() => Login) login?: Login;
  @IsOptional() @ValidateNested({ each: true }) @Type(() => Step) steps?: Step[];
  @IsOptional() @IsDate() @Type(() => Date) takenAt?: Date;
  @IsOptional() @IsEmail() to?: string;
  @IsOptional() @Matches(/^[a-z]+$/) tag?: string;
  @IsOptional() @Secret() @IsString() token?: string;
}

const schema = payloadSchemaOf(ResizePayload);
const good = { source: 'a.jpg', widths: [16, 320] };

async function issuesOf(value: unknown, of = schema): Promise<readonly PayloadIssue[]> {
  const error: unknown = await of.parse(value).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InvalidPayloadError);
  return error instanceof InvalidPayloadError ? error.issues : [];
}

const paths = async (value: unknown): Promise<string[]> => (await issuesOf(value)).map((issue) => issue.path);

describe('a payload declared by a class-validator DTO', () => {
  it('takes what fits and gives it back unchanged, to be stored', async () => {
    expect(await schema.parse(good)).toBe(good);
    await expect(
      schema.parse({
        ...good,
        fit: 'cover',
        login: { user: 'a', password: 'b' },
        steps: [{ size: 1, then: [{ size: 2 }] }],
        to: 'a@x.org',
        tag: 'x',
      }),
    ).resolves.toBeTypeOf('object');
  });

  it('names the path of every fault: missing, extra, nested, and the index in a list', async () => {
    const found = await paths({
      widths: [16, '320', 8],
      extra: 1,
      login: { user: 1, x: 1 },
      steps: [{ size: 1 }, { size: 0, then: [{ size: 'x' }] }],
    });
    expect(new Set(found)).toEqual(
      new Set([
        'payload.source',
        'payload.widths.1',
        'payload.widths.2',
        'payload.extra',
        'payload.login.user',
        'payload.login.password',
        'payload.login.x',
        'payload.steps.1.size',
        'payload.steps.1.then.0.size',
      ]),
    );
  });

  // Proven: without the bound every item is asked a second time.
  it('looks for no more faults than it tells', async () => {
    let asked = 0;
    class ManyPayload {
      @ValidateBy({ name: 'none', validator: { validate: () => asked++ < 0 } }, { each: true })
      items!: number[];
    }
    const faults = await issuesOf(
      { items: Array.from({ length: 5_000 }, (_, i) => i) },
      payloadSchemaOf(ManyPayload),
    );
    expect([faults.length, faults.at(-1)?.path]).toEqual([1_000, 'payload.items.999']);
    expect(asked).toBeLessThanOrEqual(5_000 + 1_000);
  });

  it('says what is wrong in words that stand alone', async () => {
    expect(await issuesOf({ ...good, widths: [16, 4097] })).toEqual([
      { path: 'payload.widths.1', message: 'must not be greater than 4096' },
    ]);
    expect(await issuesOf({ ...good, widths: [] })).toEqual([
      { path: 'payload.widths', message: 'widths must contain at least 1 elements' },
    ]);
  });

  it.each([undefined, null, 'x', 7, [good]])('refuses %j as a whole', async (value) => {
    expect(await paths(value)).toEqual(['payload']);
  });

  it('puts the faults of a bulk payload where they stand in the body', async () => {
    await expect(schema.parse({ ...good, to: 'nobody' }, 'payloads.3')).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'payloads.3.to' }],
    });
  });

  it('does not let in what class-transformer passes over in silence', async () => {
    expect(await paths(JSON.parse('{"source": "a", "widths": [16], "__proto__": {"admin": true}}'))).toEqual([
      'payload.__proto__',
    ]);
    expect(await paths({ ...good, login: { user: 'a', password: 'b', constructor: 1 } })).toEqual([
      'payload.login.constructor',
    ]);
  });

  it('revives stored JSON as an instance with its defaults and dates', async () => {
    const revived = await schema.revive({ ...good, takenAt: '2026-11-21T08:00:00.000Z' });
    expect(revived).toBeInstanceOf(ResizePayload);
    expect(revived).toMatchObject({ format: 'webp', takenAt: new Date('2026-11-21T08:00:00.000Z') });
  });

  it('takes {} and nothing else for NoPayload', async () => {
    const none = payloadSchemaOf(NoPayload);
    await expect(none.parse({})).resolves.toEqual({});
    expect((await issuesOf({ a: 1 }, none)).map((issue) => issue.path)).toEqual(['payload.a']);
  });
});

describe('the JSON Schema of a DTO', () => {
  const json = schema.jsonSchema();
  const accepts = new Ajv2020({ strict: false, validateFormats: false }).compile(json);

  it('says what the decorators say', () => {
    expect(json).toMatchObject({
      type: 'object',
      required: ['source', 'widths'],
      additionalProperties: false,
      properties: {
        source: { type: 'string', minLength: 1, maxLength: 200 },
        widths: {
          type: 'array',
          minItems: 1,
          maxItems: 3,
          items: { type: 'integer', minimum: 16, maximum: 4096 },
        },
        format: { enum: ['webp', 'png'], default: 'webp' },
        fit: { enum: ['cover', 'contain', null] },
        login: { anyOf: [{ $ref: '#/$defs/Login' }, { type: 'null' }] },
        token: { secret: true },
      },
    });
  });

  it.each([
    [good, true],
    [{ ...good, quality: null }, true],
    [{ ...good, steps: [{ size: 1, then: [{ size: 2 }] }] }, true],
    [{ ...good, steps: [{ size: 1, then: [{ size: 0 }] }] }, false],
    [{ ...good, login: { user: 'a' } }, false],
    [{ ...good, widths: [8] }, false],
    [{ ...good, widths: 16 }, false],
    [{ ...good, extra: 1 }, false],
    [{ source: 'a' }, false],
  ])('judges %j as the DTO does', async (value, fits) => {
    expect(accepts(value)).toBe(fits);
    expect(
      await schema.parse(value).then(
        () => true,
        () => false,
      ),
    ).toBe(fits);
  });
});

it('refuses a payload that refers back to itself, which only code can pass', async () => {
  const endless: Record<string, unknown> = { ...good };
  endless['login'] = { back: endless };
  await expect(schema.parse(endless)).rejects.toThrow('payload.login.back: refers back to itself');
});

describe('the JSON Schema of a DTO allows too much rather than too little', () => {
  class LoosePayload {
    @IsOptional() @IsUrl() url?: string;
    @IsOptional() @IsISO8601() day?: string;
    @IsOptional() @IsDate() @Type(() => Date) at?: Date;
    @IsOptional() @Matches(new RegExp('^\\d{3}\\-\\d{4}$')) phone?: string; // no pattern of Unicode, which JSON Schema asks for
  }
  const loose = payloadSchemaOf(LoosePayload);

  it.each([{ url: 'example.com/a' }, { day: '2026-11-21' }, { at: '2026-11-21' }, { phone: '555-1234' }])(
    'takes %j, as the DTO does',
    async (value) => {
      const ajv = new Ajv2020({ strict: false });
      formats.default(ajv);
      await loose.parse(value);
      expect(ajv.compile(loose.jsonSchema())(value)).toBe(true);
    },
  );

  // Proven: with the type asked for without a net, the process does not boot.
  it('takes any object where the class is chosen by what is sent', async () => {
    class ByContentPayload {
      @ValidateNested()
      @Type((help) => ((help as TypeHelpOptions).object['hurry'] === true ? Step : Login))
      what!: Step | Login;
    }
    expect(payloadSchemaOf(ByContentPayload).jsonSchema()).toMatchObject({
      properties: { what: { type: 'object' } },
      required: ['what'],
    });
  });

  it('keeps apart two classes of one name', () => {
    const other = otherLogin();
    class BothPayload {
      @ValidateNested() @Type(() => Login) login!: Login;
      @ValidateNested() @Type(() => other) other!: object;
    }
    const secrets = pathsMarked(payloadSchemaOf(BothPayload).jsonSchema(), 'secret');
    expect(secrets).toEqual(['login.password', 'other.pin']);
  });
});

describe('@Secret()', () => {
  const secrets = pathsMarked(schema.jsonSchema(), 'secret');

  it('is found in nested classes too', () => {
    expect(new Set(secrets)).toEqual(new Set(['token', 'login.password', '**.token', '**.password']));
  });

  it('is found in the classes that a discriminator chooses from, which the schema takes', async () => {
    const chosen = { payment: { kind: 'card', number: '4111' } };
    const payment = payloadSchemaOf(PaymentPayload);
    const stored = await payment.parse(structuredClone(chosen)); // Proven: without the copy, what chose the class is lost
    expect(stored).toEqual(chosen);
    expect(await payment.revive(stored)).toMatchObject({ payment: expect.any(Card) as unknown });
    expect(new Ajv2020({ strict: false }).compile(payment.jsonSchema())(chosen)).toBe(true);
    expect(redactSecrets(chosen, pathsMarked(payment.jsonSchema(), 'secret'))).toEqual({
      payment: { kind: 'card', number: '[secret]' },
    });
  });

  it('is found also when code passes an instance, and nothing is taken out of that', async () => {
    const payment = payloadSchemaOf(PaymentPayload);
    const chosen = { payment: { kind: 'card', number: '4111' } };
    const passed = Object.assign(new PaymentPayload(), structuredClone(chosen));
    expect(await payment.parse(passed)).toEqual(chosen);
  });

  it.each([
    [{ note: 'later' }, true],
    [{ kind: 'cash', note: 'later' }, true],
    [{ kind: 'card', note: 'later' }, false],
    [{ kind: 'card', number: '4111', note: 'now' }, true],
  ])(
    'of a payment %j is looked for in the class that is taken when none is chosen, too',
    async (given, fits) => {
      const payment = payloadSchemaOf(PaymentPayload);
      expect(new Ajv2020({ strict: false }).compile(payment.jsonSchema())({ payment: given })).toBe(fits);
      expect(
        await payment.parse({ payment: given }).then(
          () => true,
          () => false,
        ),
      ).toBe(fits);
    },
  );

  it('is replaced wherever it stands, and the payload itself is left alone', () => {
    const payload = {
      ...good,
      token: 'T',
      login: { user: 'a', password: 'P' },
      deep: [{ login: { password: 'P' } }],
    };
    const shown = JSON.stringify(redactSecrets(payload, secrets));
    expect(JSON.parse(shown)).toEqual({
      ...good,
      token: '[secret]',
      login: { user: 'a', password: '[secret]' },
      deep: [{ login: { password: '[secret]' } }],
    });
    expect(payload.token).toBe('T');
  });

  it('leaves null visible as null', () => {
    expect(redactSecrets({ token: null }, ['token'])).toEqual({ token: null });
  });
});
