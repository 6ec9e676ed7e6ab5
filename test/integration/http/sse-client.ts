export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** A reader of server-sent events that keeps everything it got. */
export class SseClient {
  readonly events: SseEvent[] = [];
  text = '';
  /** Resolves when the server has ended the stream; rejects when it was cut. */
  readonly ended: Promise<void>;

  private constructor(private readonly response: Response) {
    this.ended = this.read();
    this.ended.catch(() => undefined); // whoever waits for it hears of it
  }

  static async open(url: string, token: string, lastEventId?: string): Promise<SseClient> {
    return new SseClient(
      await fetch(url, {
        headers: {
          authorization: `Bearer ${token}`,
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
      }),
    );
  }

  get status(): number {
    return this.response.status;
  }

  get headers(): Headers {
    return this.response.headers;
  }

  private async read(): Promise<void> {
    if (this.response.body === null) return;
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.response.body) {
      const text = decoder.decode(chunk as Uint8Array, { stream: true });
      this.text += text;
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      this.events.push(...blocks.flatMap(parse));
    }
  }
}

function parse(block: string): SseEvent[] {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  return data === undefined
    ? []
    : [{ id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(data) as unknown }];
}
