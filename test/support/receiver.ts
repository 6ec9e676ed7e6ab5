import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  atMs: number;
}

/** A real HTTP server that keeps what it is sent and answers as told: a status, or anything by hand. */
export class Receiver {
  readonly received: Received[] = [];
  private readonly answers = new Map<string, ((response: ServerResponse, times: number) => void)[]>();
  private readonly server = createServer((request, response) => {
    void text(request).then((body) => {
      const path = request.url ?? '/';
      this.received.push({ path, headers: request.headers, body, atMs: performance.now() });
      const times = this.at(path).length;
      const answers = this.answers.get(path) ?? [];
      const answer = answers[Math.min(times, answers.length) - 1];
      if (answer === undefined) response.writeHead(204).end();
      else answer(response, times);
    });
  });

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  url(path: string): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The receiver does not listen');
    return `http://127.0.0.1:${String(address.port)}${path}`;
  }

  /** The first request to `path` gets the first answer, the second the second; the last one goes on. */
  answer(path: string, ...answers: (number | ((response: ServerResponse) => void))[]): void {
    this.answers.set(
      path,
      answers.map((answer) =>
        typeof answer === 'number' ? (response): void => void response.writeHead(answer).end() : answer,
      ),
    );
  }

  at(path: string): Received[] {
    return this.received.filter((it) => it.path === path);
  }
}
