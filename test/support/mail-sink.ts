import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { freePort } from '../../src/dev/index.js';

export interface SunkMail {
  from: string;
  to: string[];
  /** As it came over the wire. */
  raw: string;
  /** Headers with lower-case names, unfolded, encoded words decoded. */
  headers: Record<string, string>;
  subject: string;
  messageId: string;
  /** The text behind the headers, transfer encoding undone (of the whole body, or of each part). */
  text: string;
}

/** A real SMTP server that keeps what it is given. It can be stopped and started on its port, and told to answer 4xx or 5xx. */
export class MailSink {
  readonly mails: SunkMail[] = [];
  /** Transactions that were answered with an error because of `answerWith`. */
  refused = 0;
  private server: SMTPServer | undefined;
  private answer: { code: number; text: string } | undefined;

  static async start(): Promise<MailSink> {
    const sink = new MailSink(await freePort());
    await sink.start();
    return sink;
  }

  private constructor(readonly port: number) {}

  get url(): string {
    return `smtp://127.0.0.1:${String(this.port)}`;
  }

  /** Listens (again) on the same port; what was kept before is still there. */
  async start(): Promise<void> {
    if (this.server !== undefined) return;
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      disableReverseLookup: true,
      onData: (stream, session, done) => {
        void buffer(stream).then((bytes) => {
          done(this.take(bytes.toString('utf8'), session.envelope));
        }, done);
      },
    });
    server.on('error', () => undefined); // a client that hangs up in the middle is no failure of the sink
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.server = server;
  }

  /** Takes no more connections; open ones are closed. */
  async stop(): Promise<void> {
    const server = this.server;
    if (server === undefined) return;
    this.server = undefined;
    const closed = once(server.server, 'close');
    server.close();
    await closed;
  }

  /** Answers every message with this code (421, 451, 550, …) from now on; without one it takes them again. */
  answerWith(code?: number, text = 'not now'): void {
    this.answer = code === undefined ? undefined : { code, text };
  }

  private take(raw: string, envelope: Envelope): Error | null {
    if (this.answer !== undefined) {
      this.refused += 1;
      return Object.assign(new Error(this.answer.text), { responseCode: this.answer.code });
    }
    this.mails.push(parse(raw, envelope));
    return null;
  }
}

interface Envelope {
  mailFrom: { address: string } | false;
  rcptTo: { address: string }[];
}

function parse(raw: string, envelope: Envelope): SunkMail {
  const { headers, body } = split(raw);
  return {
    from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
    to: envelope.rcptTo.map((it) => it.address),
    raw,
    headers,
    subject: headers.subject ?? '',
    messageId: headers['message-id'] ?? '',
    text: textOf(headers, body),
  };
}

function split(part: string): { headers: Record<string, string>; body: string } {
  const end = part.search(/\r?\n\r?\n/);
  const head = (end < 0 ? part : part.slice(0, end)).replaceAll(/\r?\n[ \t]+/g, ' ');
  const pairs = head
    .split(/\r?\n/)
    .map(
      (line) =>
        [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const,
    );
  const headers = Object.fromEntries(pairs.map(([name, value]) => [name, decodeWords(value)]));
  return { headers, body: end < 0 ? '' : part.slice(end).trimStart() };
}

function textOf(headers: Record<string, string>, body: string): string {
  const boundary = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) return decodeBody(headers['content-transfer-encoding'], body);
  const parts = body.split(`--${boundary}`).slice(1, -1);
  return parts
    .map((part) => split(part.trimStart()))
    .map((part) => textOf(part.headers, part.body))
    .join('\n');
}

function decodeBody(encoding: string | undefined, body: string): string {
  if (encoding?.toLowerCase() === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding?.toLowerCase() !== 'quoted-printable') return body;
  return bytesOf(body.replaceAll(/=\r?\n/g, ''));
}

/** RFC 2047: `=?UTF-8?Q?caf=C3=A9?=`; white space between two such words is not part of the text. */
function decodeWords(value: string): string {
  return value
    .replaceAll(/(\?=)\s+(=\?)/g, '$1$2')
    .replaceAll(/=\?[^?]+\?([BQ])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(text, 'base64').toString('utf8')
        : bytesOf(text.replaceAll('_', ' ')),
    );
}

function bytesOf(quoted: string): string {
  const latin = quoted.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin, 'latin1').toString('utf8');
}
