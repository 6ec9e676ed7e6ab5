import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

type Mode = 'pass' | 'stall' | 'mute' | 'refuse';

/**
 * A TCP proxy in front of a real server, to be a bad network: it can stall (bytes stop, connections stay open, as with a lost
 * route), mute (what is asked arrives, no answer comes back), cut (connections are reset), refuse (cut, and no new ones) and resume.
 */
export class Proxy {
  private mode: Mode = 'pass';
  private readonly pairs = new Set<[Socket, Socket]>();

  /** A proxy for the server of this URL. */
  static async to(url: string): Promise<Proxy> {
    const target = new URL(url);
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, target);
  }

  private constructor(
    private readonly server: Server,
    private target: URL,
  ) {
    server.on('connection', (client) => {
      this.accept(client);
    });
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy is closed');
    return address.port;
  }

  /** The URL of the server, led through here. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** From now on no byte passes; connections stay open and new ones are taken, but lead nowhere. */
  stall(): void {
    this.mode = 'stall';
    for (const socket of this.sockets()) socket.pause();
  }

  /** From now on what clients say arrives, and what the server answers does not. */
  mute(): void {
    this.mode = 'mute';
    for (const [, upstream] of this.pairs) upstream.pause();
  }

  /** New connections lead to this server, as when a name moves on; those that are there stay where they are. */
  leadTo(url: string): void {
    this.target = new URL(url);
  }

  /** Resets every connection; new ones are welcome. */
  cut(): void {
    for (const socket of this.sockets()) socket.resetAndDestroy();
  }

  /** Resets every connection, and every new one at once, until `resume`. */
  refuse(): void {
    this.mode = 'refuse';
    this.cut();
  }

  /** Everything passes again, also what was held back. */
  resume(): void {
    this.mode = 'pass';
    for (const socket of this.sockets()) socket.resume();
  }

  async close(): Promise<void> {
    this.refuse();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    if (this.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: this.target.hostname, port: Number(this.target.port) });
    const pair: [Socket, Socket] = [client, upstream];
    this.pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client]] as const) this.forward(from, to, pair);
    if (this.mode !== 'stall') client.resume();
    if (this.mode !== 'pass') upstream.pause();
  }

  private forward(from: Socket, to: Socket, pair: [Socket, Socket]): void {
    from.on('data', (bytes) => {
      if (to.write(bytes)) return;
      from.pause(); // the other side is slow
      to.once('drain', () => {
        if (this.mode === 'pass' || (this.mode === 'mute' && to !== pair[0])) from.resume();
      });
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.pairs.delete(pair);
      to.destroySoon();
    });
  }

  private sockets(): Socket[] {
    return [...this.pairs].flat();
  }
}
