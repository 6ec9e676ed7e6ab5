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
  /** Fastify's wraps Node's; Express's is Node's. */
  readonly raw?: { readonly socket?: Socket };
  readonly socket?: Socket;
}

export function headerOf(request: RestRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
