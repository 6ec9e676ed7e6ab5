import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  NotFoundException,
  StreamableFile,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { asError } from '../../foundation/index.js';
import { Telemetry } from '../../telemetry/index.js';
import { RouteTable } from '../access/route-table.js';
import { type Problem, PROBLEM_JSON, problemOf, retryAfterSeconds } from './problem.js';
import { MethodNotAllowedError } from './request-errors.js';

/** Answers every error as `application/problem+json`; what is a fault of ours is also told to the log. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    private readonly routes: RouteTable,
    private readonly telemetry: Telemetry,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request: unknown = http.getRequest();
    const reply: unknown = http.getResponse();
    const error = this.wrongVerb(thrown, request) ?? thrown;
    const problem = problemOf(error);
    if (problem.status === 500) this.report(error, request);
    const { httpAdapter } = this.host;
    // A stream that broke in the middle: its status is out, all that is left is to cut it off, which the adapter does.
    if (httpAdapter.isHeadersSent(reply)) return;
    for (const [name, value] of Object.entries(headersOf(error, problem)))
      httpAdapter.setHeader(reply, name, value);
    // Bytes, because a text of JSON would be given a charset, which this media type does not have; and as a file, because
    // Express would write a bare Buffer out as JSON.
    const bytes = Buffer.from(JSON.stringify({ ...problem, ...extrasOf(error) }));
    httpAdapter.reply(reply, new StreamableFile(bytes), problem.status);
  }

  // The router knows only "no such route"; a path that exists with other verbs deserves the better answer.
  private wrongVerb(thrown: unknown, request: unknown): MethodNotAllowedError | null {
    if (!(thrown instanceof NotFoundException)) return null;
    const { httpAdapter } = this.host;
    const method = String(httpAdapter.getRequestMethod(request));
    const allowed = this.routes.verbsOf(String(httpAdapter.getRequestUrl(request)));
    return allowed.length === 0 || allowed.includes(method)
      ? null
      : new MethodNotAllowedError(method, allowed);
  }

  private report(thrown: unknown, request: unknown): void {
    const { httpAdapter } = this.host;
    const error = asError(thrown);
    this.telemetry.emit('http.failed', {
      method: String(httpAdapter.getRequestMethod(request)),
      path: String(httpAdapter.getRequestUrl(request)).split('?')[0] ?? '',
      error: error.message,
      stack: error.stack ?? '',
    });
  }
}

function headersOf(error: unknown, problem: Problem): Record<string, string> {
  const seconds = retryAfterSeconds(error, problem.status);
  return {
    'content-type': PROBLEM_JSON,
    ...(error instanceof MethodNotAllowedError && { allow: error.allowed.join(', ') }),
    ...(problem.status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(seconds !== null && { 'retry-after': String(seconds) }),
  };
}

/** A refused drain tells its verdict beside the problem. */
function extrasOf(error: unknown): object {
  if (typeof error !== 'object' || error === null || !('extras' in error)) return {};
  return typeof error.extras === 'object' && error.extras !== null ? error.extras : {};
}
