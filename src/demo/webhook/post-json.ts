import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { guardedLookup, refuseReservedHost } from './address-guard.js';

export interface Post {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether private and loopback addresses may be called. */
  readonly allowPrivate: boolean;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/**
 * POSTs JSON and reads the status; redirects are not followed. Resolves with any status; rejects for network faults, when the
 * signal aborts, and with `AddressRefusedError`. node:http rather than fetch, because fetch cannot be told which address to use.
 */
export function postJson(post: Post): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (!post.allowPrivate) refuseReservedHost(post.url.hostname);
    const send = post.url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = {
      ...post.headers,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(post.body)),
    };
    const options = {
      method: 'POST',
      headers,
      signal: post.signal,
      agent: false,
      ...(post.allowPrivate ? {} : { lookup: guardedLookup }),
    } as const;
    const request = send(post.url, options, (response) => {
      resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
      forgetBody(response);
    });
    // 101: node closes the connection without a word when nobody listens, and not even the signal would end this.
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, retryAfter: undefined });
    });
    request.on('error', reject);
    request.end(post.body);
  });
}

// We keep only the status. A short body is read, so that the receiver sees a whole exchange; a long one is cut off.
function forgetBody(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => undefined); // the status is known; what happens to the rest does not matter
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > 65_536) response.destroy();
  });
}
