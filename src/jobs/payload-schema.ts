import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { JsonSchema } from './json-schema.js';

/** A class whose properties carry class-validator decorators. */
export type DtoClass<T extends object = object> = new () => T;

/** What `@JobHandler({ payload })` takes: a class-validator DTO, or any Standard Schema (zod 4, valibot, arktype …). */
export type PayloadDeclaration = DtoClass | StandardSchemaV1;

/** What `run` receives for a declaration. */
export type PayloadFrom<D> = D extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<D>
  : D extends new () => infer T
    ? T
    : never;

/** The rules of one job's payload. */
export interface PayloadSchema {
  /**
   * Checks what a caller sent. Resolves with the value to store, which is the one that was given; throws
   * `InvalidPayloadError` with every fault. `at` is where the value stands in the request body.
   */
  parse(value: unknown, at?: string): Promise<unknown>;
  /**
   * Stored JSON as `run` receives it: an instance of the DTO, or the schema's output with its defaults and transforms.
   * A DTO is not validated again: the ledger's payloads were, perhaps by a newer release that allows more.
   */
  revive(stored: unknown): Promise<unknown>;
  /** For `GET /jobs` and OpenAPI. */
  jsonSchema(): JsonSchema;
  /** The same with the names that `revive` gives, where they are others. */
  revivedSchema(): JsonSchema;
}
