import { NotFoundException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { messageOf } from '../foundation/index.js';
import { ROUTE_RULES, type RouteRules } from './access/access.js';
import { RequestGate } from './access/request-gate.js';
import { markChecked } from './access/rest.guard.js';
import { MalformedJsonError, UnsupportedMediaTypeError } from './errors/request-errors.js';
import { Metrics } from './metrics/metrics.js';
import { RequestsInFlight } from './requests-in-flight.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/**
 * What Nest cannot do, because on Fastify its guards run when the body has been parsed: who may, what exists and how large
 * it is, before a byte of the body is read. Call it before the routes are registered (before `app.init()`).
 */
export function addHooks(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  addGate(fastify, app.get(RequestGate), app.get(RequestsInFlight));
  addMetrics(fastify, app.get(Metrics));
  addBodyParsers(fastify);
}

function addGate(fastify: Fastify, gate: RequestGate, requests: RequestsInFlight): void {
  fastify.addHook('onRoute', (route) => {
    const limit = rulesIn(route.config)?.bodyLimit;
    if (limit !== undefined) route.bodyLimit = limit;
  });

  fastify.addHook('onRequest', (request, reply, done) => {
    const rules = rulesIn(request.routeOptions.config);
    if (rules?.lasting !== true) {
      requests.enter(request);
      // 'close' comes after every end of a response, also of one whose client went away.
      reply.raw.once('close', () => {
        requests.leave(request);
      });
    }
    // An unknown path is unknown whatever comes with it, so its body is not read.
    if (request.is404) done(new NotFoundException(`Cannot ${request.method} ${request.url}`));
    else if (rules === undefined)
      done(); // a route of somebody else, with guards of its own
    else letIn(gate, rules, request, done);
  });
}

function letIn(
  gate: RequestGate,
  rules: RouteRules,
  request: Parameters<RequestGate['check']>[1],
  done: (error?: Error) => void,
): void {
  try {
    markChecked(request);
    const pending = gate.check(rules, request);
    if (pending === undefined) done();
    else
      pending.then(() => {
        done();
      }, done);
  } catch (error) {
    done(error as Error); // the gate throws errors of ours
  }
}

function addMetrics(fastify: Fastify, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'; // the pattern, never the path: ids would make a series each
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
}

/** JSON, and nothing else; no body at all is fine, and is for the handlers to judge. */
function addBodyParsers(fastify: Fastify): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseJson(body));
    } catch (error) {
      done(error as Error); // MalformedJsonError
    }
  });
  // Read to its end, and no farther than the limit, so that a body that is also too large is called that.
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(new UnsupportedMediaTypeError());
  });
}

function parseJson(text: string | Buffer): unknown {
  if (text.length === 0) return undefined;
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw new MalformedJsonError(messageOf(error), { cause: error });
  }
}

function rulesIn(config: unknown): RouteRules | undefined {
  if (typeof config !== 'object' || config === null || !(ROUTE_RULES in config)) return undefined;
  return config[ROUTE_RULES] as RouteRules; // only @Rules writes under this symbol
}
