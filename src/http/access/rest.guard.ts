import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { UnsupportedMediaTypeError } from '../errors/request-errors.js';
import { ROUTE_RULES, type RouteRules } from './access.js';
import { RequestGate, type RequestHead } from './request-gate.js';

/** Requests that a hook of the adapter has let in already. */
const checked = new WeakSet<object>();

export function markChecked(request: object): void {
  checked.add(request);
}

/**
 * The gate as a guard: what stands before our controllers when the adapter has no hooks of ours (Express, a host app).
 * There the body has been parsed by then, so 400 and 413 come before 401.
 */
@Injectable()
export class RestGuard implements CanActivate {
  constructor(private readonly gate: RequestGate) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request: RequestHead = context.switchToHttp().getRequest();
    if (checked.has(request)) return true;
    const rules = Reflect.getMetadata(ROUTE_RULES, context.getHandler()) as RouteRules | undefined; // written by @Rules
    const pending = this.gate.check(rules ?? { access: [] }, request); // no rules: admins only
    return pending === undefined ? onlyJson(request) : pending.then(() => onlyJson(request));
  }
}

// Express parses forms, too: to a JSON API they are not requests that somebody meant to send, but what a foreign page can send.
function onlyJson({ headers }: RequestHead): true {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const [type = ''] = String(headers['content-type'] ?? '').split(';');
  if (hasBody && type.trim().toLowerCase() !== 'application/json') throw new UnsupportedMediaTypeError();
  return true;
}
