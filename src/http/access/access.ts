import { applyDecorators, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { TokenRole } from '../../config/index.js';

/** What a handler says of itself, for the gate. */
export interface RouteRules {
  /** Who may, besides an admin, who may everything. `open`: everybody. `docs`: open in development, else a viewer. */
  readonly access: readonly TokenRole[] | 'open' | 'docs';
  /**
   * The token may come in a cookie as well. Only where nothing is changed: a browser sends cookies along with whatever the
   * page of somebody else makes it ask for.
   */
  readonly takesCookie?: boolean;
  /** Named by a parameter of the path, and must exist before query and body are looked at: unknown ⇒ 404 before 413, 400, 422. */
  readonly names?: NamedThing;
  /** Most bytes of the body; 1 MiB by default. */
  readonly bodyLimit?: number;
  /** May be open for long and must not hold up a shutdown: streams, the waiting drain. */
  readonly lasting?: boolean;
}

type NamedThing = 'job' | 'task' | 'failed-task' | 'queue' | 'schedule';

export const ROUTE_RULES = Symbol('shiftwork.routeRules');

/** For Fastify's hooks (route config) and, on other adapters, for the guard (metadata). */
export function Rules(rules: RouteRules): MethodDecorator {
  return applyDecorators(SetMetadata(ROUTE_RULES, rules), RouteConfig({ [ROUTE_RULES]: rules }));
}
