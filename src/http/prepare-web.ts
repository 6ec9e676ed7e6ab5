import type { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { BODY_LIMIT } from './access/body-limits.js';
import { ApiDocument } from './docs/api-document.js';
import { PROBLEM_JSON, problemOf } from './errors/problem.js';
import { ProblemDetailsFilter } from './errors/problem-details.filter.js';
import { addHooks } from './fastify-hooks.js';

/** Options of Fastify for an app that is ours altogether. */
export const FASTIFY_OPTIONS: ConstructorParameters<typeof FastifyAdapter>[0] = {
  bodyLimit: BODY_LIMIT,
  /** We stand behind a router that says who the client is. */
  trustProxy: true,
  /** Longer than routers keep an idle connection (60 to 90 s), so that it is never us who close one in use. */
  keepAliveTimeout: 95_000,
  /** A request has to arrive within this; answers may take longer. */
  requestTimeout: 120_000,
  /** Whoever comes on a kept connection while we close is still answered. */
  return503OnClosing: false,
  routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
  /** A path that cannot be routed at all (malformed, or a name that is too long) does not get as far as our filter. */
  frameworkErrors: (error, _request, reply) => {
    const problem = problemOf(error);
    reply.hijack();
    reply.raw.writeHead(problem.status, { 'content-type': PROBLEM_JSON }).end(JSON.stringify(problem));
  },
};

/**
 * Makes a Nest app on Fastify the web of Shiftwork: checks before bodies, every error a problem, the document at /docs.
 * The app was created with `bodyParser: false` and is not initialised yet.
 */
export function prepareWeb(app: NestFastifyApplication): void {
  addHooks(app);
  app.useGlobalFilters(app.get(ProblemDetailsFilter));
  app.get(ApiDocument).describe(app);
}
