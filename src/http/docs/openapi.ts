import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { JobDefinition } from '../../jobs/index.js';
import { TOKEN_COOKIE } from '../access/token-of.js';
import { refTo } from './operations.js';
import { SCHEMAS } from './schemas.js';

type Components = NonNullable<OpenAPIObject['components']>;

/** The OpenAPI 3.1 document of the surface, with a path of its own for each job, so that its payload can be read and tried. */
export function openApiDocument(app: INestApplication, jobs: readonly JobDefinition[]): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Shiftwork')
    .setDescription('Background work that survives a deploy.')
    .setVersion('1')
    .addBearerAuth()
    .addCookieAuth(TOKEN_COOKIE)
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  const paths = Object.fromEntries(jobs.map((job) => [`/jobs/${job.name}`, pathOf(job)]));
  const payloads = Object.fromEntries(
    jobs.map((job) => [
      payloadName(job),
      rooted(job.payloadSchema, `#/components/schemas/${payloadName(job)}`),
    ]),
  );
  return {
    ...document,
    paths: { ...document.paths, ...paths }, // built to the specification above
    components: {
      ...document.components,
      schemas: { ...SCHEMAS, ...payloads } as unknown as NonNullable<Components['schemas']>,
    },
  };
}

function pathOf(job: JobDefinition): object {
  const schema = {
    type: 'object',
    required: ['payload'],
    properties: {
      payload: { $ref: `#/components/schemas/${payloadName(job)}` },
      options: { $ref: '#/components/schemas/EnqueueOptions' },
    },
  };
  const accepted = { 'application/json': { schema: refTo('EnqueuedTask') } };
  return {
    post: {
      operationId: `enqueue_${job.name}`,
      summary: `Accept a task of ${job.name} (queue ${job.queue})`,
      tags: ['jobs'],
      security: [{ bearer: [] }],
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: {
        200: { description: 'The task that its Idempotency-Key stands for already', content: accepted },
        202: { description: 'Accepted', content: accepted },
      },
    },
  };
}

function payloadName(job: JobDefinition): string {
  return `payload.${job.name}`;
}

/** The schema with references that find their way from the root of the document instead of its own. */
function rooted(schema: unknown, root: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => rooted(item, root));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]: [string, unknown]) => [
      key,
      key === '$ref' && typeof value === 'string' ? value.replace(/^#/, root) : rooted(value, root),
    ]),
  );
}
