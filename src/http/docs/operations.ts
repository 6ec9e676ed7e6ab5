import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import type { SchemaName } from './schemas.js';

/** Answers of these statuses with a body of this schema; `queries` names the query parameters. */
export function Answers(
  statuses: number | readonly number[],
  schema: SchemaName,
  ...queries: readonly string[]
): MethodDecorator {
  return applyDecorators(
    ...[statuses].flat().map((status) => ApiResponse({ status, description: schema, schema: refTo(schema) })),
    ...queries.map(optionalQuery),
    problems(),
  );
}

/** A page of items of this schema, with `limit`, `cursor` and these filters. */
export function Listed(schema: SchemaName, ...queries: readonly string[]): MethodDecorator {
  const list = {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: { items: { type: 'array', items: refTo(schema) }, nextCursor: { type: ['string', 'null'] } },
  };
  return applyDecorators(
    // OpenAPI 3.1 allows several types, which the library's type of a schema does not know yet.
    ApiResponse({ status: 200, description: `A page of ${schema}`, schema: list }),
    ...[...queries, 'limit', 'cursor'].map(optionalQuery),
    problems(),
  );
}

/** A JSON body of this schema. */
export function Taking(schema: SchemaName, required = true): MethodDecorator {
  return ApiBody({ schema: refTo(schema), required });
}

/** `POST /jobs/:name` */
export function Enqueue(): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary: 'Accept a task: when this answers 202, the task is committed and will be run' }),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key, job and request give the same task: 200 and Idempotency-Replayed: true',
    }),
    Taking('EnqueueBody'),
    ApiResponse({
      status: 200,
      description: 'The task that this Idempotency-Key stands for already',
      schema: refTo('EnqueuedTask'),
    }),
    Answers(202, 'EnqueuedTask'),
  );
}

/** `POST /jobs/:name/bulk` */
export function Bulk(): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary: 'Accept up to 10,000 tasks of one job, all or none, in one transaction' }),
    Taking('BulkBody'),
  );
}

export function refTo(schema: SchemaName): { $ref: string } {
  return { $ref: `#/components/schemas/${schema}` };
}

function optionalQuery(name: string): MethodDecorator {
  return ApiQuery({
    name,
    required: false,
    schema: { type: name === 'limit' || name === 'wait' ? 'integer' : 'string' },
  });
}

function problems(): MethodDecorator {
  return ApiResponse({
    status: 'default',
    description: 'What is wrong, with a stable code and the faults of each field',
    content: { 'application/problem+json': { schema: refTo('Problem') } },
  });
}
