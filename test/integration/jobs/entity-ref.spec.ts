import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsString, ValidateNested } from 'class-validator';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  EntityGoneError,
  entityRef,
  InvalidPayloadError,
  isEntityRef,
  IsEntityRef,
  type Job,
  JobHandler,
  JobRegistry,
  JobsModule,
  type TaskContext,
} from '../../../src/jobs/index.js';
import { databaseUrl, dropSchema, query, uniqueAppName } from '../../support/servers.js';

const schema = uniqueAppName();

@Entity({ schema })
class Person {
  @PrimaryColumn() id!: number;
  @Column() name!: string;
}

@Entity({ schema })
class Seat {
  @PrimaryColumn() row!: string;
  @PrimaryColumn() number!: number;
  @Column() price!: number;
}

class Guest {
  @IsEntityRef(() => Person) person!: Person;
}

class InvitePayload {
  @IsString() text!: string;
  @IsEntityRef(() => Person) host!: Person;
  @ValidateNested({ each: true }) @ArrayMaxSize(9) @Type(() => Guest) guests!: Guest[];
}

@JobHandler({ name: 'invite', payload: InvitePayload })
class InviteJob implements Job<InvitePayload, string[]> {
  run({ host, guests }: InvitePayload): string[] {
    return [host, ...guests.map((guest) => guest.person)].map(
      (it) => `${it.name}:${String(it instanceof Person)}`,
    );
  }
}

const Booking = z.strictObject({
  seat: z.custom<Seat>(isEntityRef(Seat)).meta({ entity: 'Seat' }),
  note: z.unknown(),
});
@JobHandler({ name: 'book', payload: Booking })
class BookJob implements Job<z.output<typeof Booking>> {
  run({ seat, note }: z.output<typeof Booking>): unknown {
    return { price: seat.price, note };
  }
}

@Module({
  imports: [
    JobsModule,
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: databaseUrl(),
      schema,
      entities: [Person, Seat],
      synchronize: true,
    }),
  ],
  providers: [InviteJob, BookJob],
})
class HostApp {}

const context = {} as TaskContext; // these jobs do not look at it

describe('entityRef', () => {
  let app: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;
  const job = (name: string) => app.get(JobRegistry).get(name);

  beforeAll(async () => {
    await query(`create schema "${schema}"`);
    app = await NestFactory.createApplicationContext(HostApp, { logger: false, abortOnError: false });
    const { manager } = app.get(DataSource);
    await manager.insert(Person, [
      { id: 1, name: 'Ada' },
      { id: 2, name: 'Bob' },
    ]);
    await manager.insert(Seat, [{ row: 'A', number: 7, price: 30 }]);
  });
  afterAll(async () => {
    await app.close();
    await dropSchema(schema);
  });

  it('is stored as the id and handed to run as the row as it is then, from the DataSource of the app', async () => {
    const payload = { text: 'x', host: entityRef(Person, 1), guests: [{ person: entityRef(Person, 2) }] };
    const stored: unknown = JSON.parse(JSON.stringify(await job('invite').payload.parse(payload)));
    expect(stored).toEqual({
      text: 'x',
      host: { $ref: { entity: 'Person', id: 1 } },
      guests: [{ person: { $ref: { entity: 'Person', id: 2 } } }],
    });
    await app.get(DataSource).manager.update(Person, 1, { name: 'Ada Lovelace' });
    await expect(job('invite').run(stored, context)).resolves.toEqual(['Ada Lovelace:true', 'Bob:true']);
  });

  it('takes composite keys, and zod schemas', async () => {
    const payload = { seat: entityRef(Seat, { row: 'A', number: 7 }), note: null };
    await job('book').payload.parse(payload);
    await expect(job('book').run(payload, context)).resolves.toEqual({ price: 30, note: null });
  });

  // Proven: without the paths of the schema in EntityRows.fillIn, anybody who may enqueue could read any row through free JSON.
  it('is looked up only where the schema asks for that entity', async () => {
    const note = entityRef(Person, 1);
    await expect(
      job('book').run({ seat: entityRef(Seat, { row: 'A', number: 7 }), note }, context),
    ).resolves.toEqual({ price: 30, note });
    await expect(job('book').payload.parse({ seat: entityRef(Person, 1), note })).rejects.toThrow(
      InvalidPayloadError,
    );
  });

  // Proven: without the check of the id, each of the first three is handed the first row that the table happens to give.
  it.each<[string, unknown]>([
    ['no part of a key', {}],
    ['a part of a composite key', { row: 'A' }],
    ['another column', { price: 30 }],
    ['nothing', null],
    ['an operator', { row: { like: '%' }, number: 7 }],
    ['no id at all', undefined],
    ['a list', ['A', 7]],
  ])('with %s for an id is refused', async (_what, id) => {
    const seat = { $ref: { entity: 'Seat', id } };
    const accepted = job('book').payload.parse({ seat, note: null });
    await expect(
      accepted.then((stored) => job('book').run(JSON.parse(JSON.stringify(stored)), context)),
    ).rejects.toThrow();
  });

  it.each<[unknown, boolean]>([
    [1, true],
    ['a', true],
    [{ row: 'A', number: 7 }, true],
    [{}, false],
    [null, false],
    [['A', 7], false],
    [{ row: { like: '%' } }, false],
    [true, false],
  ])('with the id %j is judged by the schema as by the class', async (id, fits) => {
    const payload = { text: 'x', host: { $ref: { entity: 'Person', id } }, guests: [] };
    expect(new Ajv2020({ strict: false }).compile(job('invite').payloadSchema)(payload)).toBe(fits);
    expect(
      await job('invite')
        .payload.parse(payload)
        .then(
          () => true,
          () => false,
        ),
    ).toBe(fits);
  });

  it('fails the attempt when the row is gone, and refuses what is no reference with advice', async () => {
    await expect(
      job('invite').run({ text: 'x', host: entityRef(Person, 99), guests: [] }, context),
    ).rejects.toThrow(EntityGoneError);
    await expect(
      job('invite').payload.parse({ text: 'x', host: { id: 1, name: 'Ada' }, guests: [] }),
    ).rejects.toThrow('payload.host: host must be entityRef(Person, id)');
  });
});
