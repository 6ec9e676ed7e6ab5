import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../src/dev/index.js';
import { deferred } from '../../../src/foundation/index.js';
import { ConsoleTransport, MailError, type Message, SmtpTransport } from '../../../src/mail/index.js';
import { openFolder } from '../../support/folders.js';
import { MailSink } from '../../support/mail-sink.js';
import { within } from '../../support/wait.js';

const message: Message = {
  messageId: 'abc.2@billing',
  inReplyTo: 'abc.1@billing',
  to: ['a@example.org', 'b@example.org'],
  subject: '[billing] café failed: {"path": "/etc/passwd"}',
  text: 'Text with ümläuts.',
  html: '<p>HTML</p>',
};

let sink: MailSink;
beforeAll(async () => {
  sink = await MailSink.start();
});
afterEach(() => {
  sink.answerWith();
});
afterAll(async () => {
  await sink.stop();
});

describe('the SMTP transport', () => {
  it('sends text and HTML to every reader, in the thread of the first mail', async () => {
    const transport = new SmtpTransport(sink.url, 'shiftwork@example.org');
    await transport.send(message);
    const [mail] = sink.mails;
    expect(mail).toMatchObject({
      from: 'shiftwork@example.org',
      to: message.to,
      subject: message.subject,
      messageId: '<abc.2@billing>',
    });
    expect(mail?.headers).toMatchObject({
      'in-reply-to': '<abc.1@billing>',
      references: '<abc.1@billing>',
      'auto-submitted': 'auto-generated',
    });
    expect(mail?.text).toContain('Text with ümläuts.');
    expect(mail?.text).toContain('<p>HTML</p>');
  });

  it('tells a refused message from a server that is away', async () => {
    sink.answerWith(550, 'no such mailbox');
    const refused = await new SmtpTransport(sink.url, 'a@example.org')
      .send(message)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MailError);
    expect(refused).toMatchObject({ code: 'mail-unavailable', refused: true });
    const away = await new SmtpTransport('smtp://127.0.0.1:1', 'a@example.org')
      .send(message)
      .catch((error: unknown) => error);
    expect(away).toMatchObject({ code: 'mail-unavailable', refused: false });
  });

  // Proven: without the signal, what the server says goes on, and no timeout for silence is ever reached.
  it('gives up a server that goes on saying something, and never takes the mail', async () => {
    const left = deferred();
    const server = createServer((socket) => {
      socket.write('220 tar.pit\r\n');
      const drip = setInterval(() => socket.write('250-tar.pit\r\n'), 10);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        clearInterval(drip);
        left.resolve();
      });
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    try {
      const sending = new SmtpTransport(`smtp://127.0.0.1:${String(port)}`, 'a@example.org', 500).send(
        message,
      );
      const failure = await within(
        'the end of the delivery',
        sending.catch((error: unknown) => error),
      );
      expect(failure).toBeInstanceOf(MailError);
      expect(failure).toMatchObject({
        message: expect.stringContaining('timeout') as string,
        refused: false,
      });
      await within('the end of the connection', left.promise);
    } finally {
      server.close();
    }
  });
});

describe('the console transport', () => {
  it('prints the mail and keeps it as a file that a mail program opens', async () => {
    const folder = openFolder('mails');
    const printed: string[] = [];
    const transport = new ConsoleTransport(folder, 'shiftwork@localhost', (text) => printed.push(text));
    await transport.send(message);
    expect(printed.join('')).toContain(message.text);
    expect(printed.join('')).toContain(message.subject);
    const eml = readFileSync(path.join(folder, 'abc.2@billing.eml'), 'utf8');
    expect(eml).toContain('Message-ID: <abc.2@billing>');
    expect(eml).toContain('To: a@example.org, b@example.org');
  });
});
