import { Inject, Injectable, Optional } from '@nestjs/common';
import { SETTINGS, type Settings, type TokenRole } from '../../config/index.js';
import { FailedTasks } from '../../failures/index.js';
import { Schedules } from '../../clock/index.js';
import { isStorableText } from '../../foundation/index.js';
import { JobRegistry, UnknownJobError } from '../../jobs/index.js';
import { JobDefinitions } from '../../ledger/index.js';
import { Queues, Tasks } from '../../tasks/index.js';
import {
  BodyTooLargeError,
  ForbiddenError,
  LoopbackOnlyError,
  NotFoundError,
  UnauthorizedError,
} from '../errors/request-errors.js';
import { HTTP_OPTIONS, type HttpOptions } from '../http-options.js';
import type { RouteRules } from './access.js';
import { BODY_LIMIT } from './body-limits.js';
import { isLoopback, leadsToLoopback } from './loopback.js';
import { bearerOf, cookieTokenOf } from './token-of.js';
import { Tokens } from './tokens.js';

/** The parts of a request that are known before its body is read. */
export interface RequestHead {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: unknown;
  /** With the query, if there is one. */
  readonly url: string;
  /** The connection itself: what a header says of the client, the client can say of itself. */
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/**
 * What is checked before a body is read, in this order: may the caller do this (401, 403), does what the path names exist
 * (404), is the body too large (413). Fastify's hooks ask it first thing; on other adapters the guard does, after parsing.
 */
@Injectable()
export class RequestGate {
  private readonly tokens: Tokens;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Optional() @Inject(HTTP_OPTIONS) private readonly options: HttpOptions | null,
    private readonly jobs: JobRegistry,
    private readonly definitions: JobDefinitions,
    private readonly tasks: Tasks,
    private readonly failedTasks: FailedTasks,
    private readonly queues: Queues,
    private readonly schedules: Schedules,
  ) {
    this.tokens = new Tokens(settings.tokens);
  }

  /** Throws the first reason to refuse. A promise only where the ledger has to be asked. */
  check(rules: RouteRules, head: RequestHead): void | Promise<void> {
    this.authorize(rules, head);
    checkNames(head);
    const exists = this.checkNamed(rules, head);
    if (exists !== undefined)
      return exists.then(() => {
        checkSize(rules, head);
      });
    checkSize(rules, head);
  }

  private authorize({ access, takesCookie }: RouteRules, head: RequestHead): void {
    if (access === 'open' || this.options?.auth === 'host') return;
    if (!this.tokens.areConfigured) {
      demandLoopback(head);
      return;
    }
    if (access === 'docs' && !this.settings.production) return;
    const token = bearerOf(head.headers) ?? (takesCookie === true ? cookieTokenOf(head.headers) : null);
    const role = token === null ? null : this.tokens.roleOf(token);
    if (role === null) throw new UnauthorizedError();
    const allowed: readonly TokenRole[] = access === 'docs' ? ['viewer'] : access;
    if (role !== 'admin' && !allowed.includes(role)) throw new ForbiddenError(role);
  }

  private checkJob(name: string): Promise<unknown> | undefined {
    if (this.jobs.find(name) !== undefined) return undefined;
    return this.definitions.find(name).then((stored) => {
      if (stored === null)
        throw new UnknownJobError(
          name,
          this.jobs.all().map((job) => job.name),
        );
    });
  }

  // What is not in memory is asked only if there is a body or a query that could be refused first: otherwise the handler finds
  // out. Of a request for a job a body that is missing is refused, too.
  private checkNamed(rules: RouteRules, head: RequestHead): Promise<unknown> | undefined {
    if (rules.names === 'job') return this.checkJob(paramOf(head, 'name'));
    if (rules.names === undefined || !(hasBody(head) || head.url.includes('?'))) return undefined;
    switch (rules.names) {
      case 'task':
        return this.tasks.get(paramOf(head, 'id').toLowerCase());
      case 'failed-task':
        return this.failedTasks.get(paramOf(head, 'id').toLowerCase());
      case 'queue':
        return this.queues.isPaused(paramOf(head, 'name'));
      case 'schedule':
        return this.schedules.get(paramOf(head, 'name'));
    }
  }
}

// The ready-made app listens there only. Where a host app listens is not ours to say, so each request is looked at. A
// connection from this machine may still be made for somebody else: by a tunnel, or by a browser for the page that it shows.
function demandLoopback({ socket, headers }: RequestHead): void {
  if (isLoopback(socket.remoteAddress) && isAskedForLoopback(headers) && !isFromForeignPage(headers)) return;
  throw new LoopbackOnlyError();
}

// A tunnel has a name of its own, and so has a page whose name was made to lead here after it was loaded (DNS rebinding).
function isAskedForLoopback(headers: RequestHead['headers']): boolean {
  return leadsToLoopback(`http://${String(headers['host'] ?? headers[':authority'])}`);
}

// Any page may send a POST without a body. Older browsers say only where such a request comes from.
function isFromForeignPage({ 'sec-fetch-site': site, origin }: RequestHead['headers']): boolean {
  if (site !== undefined) return site === 'cross-site';
  return origin !== undefined && !leadsToLoopback(String(origin));
}

// Nothing has a name that cannot be stored, and the ledger would take the question for a fault of ours.
function checkNames({ params }: RequestHead): void {
  const names: readonly unknown[] = Object.values(params ?? {});
  if (names.every((name) => typeof name !== 'string' || isStorableText(name))) return;
  throw new NotFoundError('thing of this name');
}

function checkSize(rules: RouteRules, head: RequestHead): void {
  const limit = rules.bodyLimit ?? BODY_LIMIT;
  if (Number(head.headers['content-length'] ?? 0) > limit) throw new BodyTooLargeError('The body', limit);
}

function hasBody(head: RequestHead): boolean {
  return Number(head.headers['content-length'] ?? 0) > 0 || head.headers['transfer-encoding'] !== undefined;
}

function paramOf(head: RequestHead, name: string): string {
  const params = head.params;
  if (typeof params !== 'object' || params === null) return '';
  const value: unknown = Reflect.get(params, name);
  return typeof value === 'string' ? value : '';
}
