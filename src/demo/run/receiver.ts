import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A slow HTTP receiver of webhooks on this machine. It counts what arrives, and checks each signature. */
export class Receiver {
  /** How often each task was delivered. */
  readonly deliveries = new Map<string, number>();
  badSignatures = 0;
  private readonly server: Server;

  constructor(
    private readonly secret: string,
    private readonly slownessMs: number,
  ) {
    this.server = createServer((request, response) => {
      void this.receive(request).finally(() => response.writeHead(200).end('thank you'));
    });
  }

  /** Resolves with its URL when it listens. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The receiver has no port');
    return `http://127.0.0.1:${String(address.port)}/hook`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async receive(request: IncomingMessage): Promise<void> {
    const body = await textOf(request);
    const signature = `sha256=${createHmac('sha256', this.secret).update(body).digest('hex')}`;
    if (request.headers['shiftwork-signature'] !== signature) this.badSignatures += 1;
    const task = String(request.headers['shiftwork-task']);
    this.deliveries.set(task, (this.deliveries.get(task) ?? 0) + 1);
    await delay(this.slownessMs);
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
