/** What Fastify's reply and Express's response have in common. */
export interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

interface Socket {
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
}

/** What their requests have in common. */
export interface RestRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
  /** As it was asked for, with the query. */
  readonly originalUrl: string;
  /** Fastify's wraps Node's; Express's is Node's. */
  readonly raw?: { readonly socket?: Socket };
  readonly socket?: Socket;
}

/**
 * Where a task is, for `Location`: behind whatever a host app has put before our paths. `segments`: how many the route that is
 * asked has of its own.
 */
export function placeOfTask(id: string, { originalUrl }: RestRequest, segments: number): string {
  const [path = ''] = originalUrl.split('?', 1);
  const parts = (path.endsWith('/') ? path.slice(0, -1) : path).split('/');
  return `${parts.slice(0, -segments).join('/')}/tasks/${id}`;
}

export function headerOf(request: RestRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
