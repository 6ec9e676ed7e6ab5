import { QUEUE_NAME } from '../config/index.js';
import { type Backoff, DefinitionError, HOUR } from '../foundation/index.js';
import { isEntityClass } from './entity-ref.js';
import type { EntityRows } from './entity-rows.js';
import type { AnyJob } from './job.js';
import { MissingPayloadError } from './job-errors.js';
import {
  DEFAULT_ATTEMPTS,
  DEFAULT_BACKOFF,
  DEFAULT_QUEUE,
  type JobOptions,
  MOST_TIMEOUT_MS,
  NoPayload,
} from './job-options.js';
import { type JsonSchema, pathsMarked } from './json-schema.js';
import type { PayloadDeclaration, PayloadSchema } from './payload-schema.js';
import { isStandardSchema, payloadSchemaOf } from './payload-schema-of.js';
import type { TaskContext } from './task-context.js';

/** A job as the registry keeps it: options with their defaults, payload rules, and the handler bound to its instance. */
export interface JobDefinition {
  readonly name: string;
  readonly queue: string;
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number | null;
  readonly onWorkerLost: 'rerun' | 'fail';
  readonly exclusive: boolean;
  readonly payload: PayloadSchema;
  readonly payloadSchema: JsonSchema;
  /** Paths of the payload that nobody but the job may see, for `redactSecrets`. */
  readonly secretPaths: readonly string[];
  /** Runs the handler with a stored payload: revived by the schema, its entity references replaced by their rows. */
  run(payload: unknown, context: TaskContext): Promise<unknown>;
}

/** Options and instance → definition. Throws `DefinitionError` that names the line to add or change. */
export function defineJob(
  className: string,
  options: Partial<JobOptions>,
  instance: unknown,
  rows: EntityRows,
): JobDefinition {
  const handler = checkedHandler(className, instance);
  const declaration = checkedPayload(className, options.payload);
  const payload = payloadSchemaOf(declaration);
  const payloadSchema = payload.jsonSchema();
  const revivedSchema = payload.revivedSchema();
  const entityPaths = pathsMarked(revivedSchema, 'entity');
  return {
    ...checkedOptions(className, options),
    payload,
    payloadSchema,
    secretPaths: [
      ...new Set([...pathsMarked(payloadSchema, 'secret'), ...pathsMarked(revivedSchema, 'secret')]),
    ],
    run: async (stored, context) => {
      const revived = await payload.revive(stored);
      const filled = entityPaths.length === 0 ? revived : await rows.fillIn(revived, entityPaths);
      // The schema says what the payload is; the class was checked against it by the compiler, at @JobHandler.
      return handler.run(filled as never, context as TaskContext<never>);
    },
  };
}

function checkedHandler(className: string, instance: unknown): AnyJob {
  if (
    typeof instance === 'object' &&
    instance !== null &&
    'run' in instance &&
    typeof instance.run === 'function'
  )
    return instance as AnyJob; // has run
  throw new DefinitionError(
    `${className} has @JobHandler but no run method. Add: async run(payload, task) { … }`,
  );
}

function checkedPayload(className: string, payload: PayloadDeclaration | undefined): PayloadDeclaration {
  if (payload === undefined) {
    throw new MissingPayloadError(
      `${className} does not say what its payload is. Add to its @JobHandler: payload: ${className.replace(/Job$/, '')}Payload (a class with class-validator decorators or a zod schema; NoPayload if it takes none)`,
    );
  }
  if (isStandardSchema(payload)) return payload;
  if (typeof payload !== 'function') {
    throw new DefinitionError(
      `The payload of ${className} is neither a class nor a Standard Schema. Example: payload: z.object({ id: z.string() })`,
    );
  }
  if (isEntityClass(payload)) {
    throw new DefinitionError(
      `The payload of ${className} is the entity ${payload.name}: a copy of a row may be stale when the job runs. Make a class with @IsEntityRef(() => ${payload.name}) row: ${payload.name}, and enqueue entityRef(${payload.name}, id)`,
    );
  }
  const properties = payloadSchemaOf(payload).jsonSchema()['properties'];
  if (payload !== NoPayload && Object.keys(properties ?? {}).length === 0) {
    throw new DefinitionError(
      `${payload.name}, the payload of ${className}, has no class-validator decorators, so every property would be refused. Add one to each property, for example @IsString(); use payload: NoPayload if it takes none`,
    );
  }
  return payload;
}

const JOB_NAME = /^[A-Za-z][\w-]*(\.[\w-]+)*$/;

type CheckedOptions = Pick<
  JobDefinition,
  'name' | 'queue' | 'attempts' | 'backoff' | 'timeoutMs' | 'onWorkerLost' | 'exclusive'
>;

function checkedOptions(className: string, options: Partial<JobOptions>): CheckedOptions {
  const {
    name,
    queue = DEFAULT_QUEUE,
    attempts = DEFAULT_ATTEMPTS,
    backoff = DEFAULT_BACKOFF,
    timeout = null,
  } = options;
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new DefinitionError(`@JobHandler of ${className}: ${what}`);
  };
  demand(
    typeof name === 'string' && name.length <= 100 && JOB_NAME.test(name),
    `name must be letters, digits, ".", "_" and "-", at most 100. Example: name: 'images.thumbnail'`,
  );
  demand(QUEUE_NAME.test(queue), `queue "${queue}" is no queue name. Example: queue: 'default'`);
  demand(
    Number.isInteger(attempts) && attempts >= 1 && attempts <= 1_000,
    'attempts must be a whole number from 1 to 1000. Example: attempts: 3',
  );
  demand(
    ['fixed', 'exponential'].includes(backoff.type) &&
      Number.isInteger(backoff.delay) &&
      backoff.delay >= 0 &&
      backoff.delay <= HOUR,
    `backoff needs a delay in ms, 0 to ${String(HOUR)}. Example: backoff: { type: 'exponential', delay: 1_000 }`,
  );
  demand(
    timeout === null || (Number.isInteger(timeout) && timeout >= 1 && timeout <= MOST_TIMEOUT_MS),
    `timeout is in ms, 1 to ${String(MOST_TIMEOUT_MS)} (24.8 days), or null for none. Example: timeout: 120_000`,
  );
  return {
    name: name ?? '',
    queue,
    attempts,
    backoff,
    timeoutMs: timeout,
    onWorkerLost: options.onWorkerLost ?? 'rerun',
    exclusive: options.exclusive ?? false,
  };
}
