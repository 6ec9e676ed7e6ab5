import type { Transporter } from 'nodemailer';
import { MINUTE, SECOND } from '../foundation/index.js';
import { MailError } from './mail-error.js';
import type { MailTransport, Message } from './message.js';
import { mimeOf } from './mime.js';

/** For the whole of a delivery: a mail has some kilobytes, and a server that goes on answering is never silent. */
const DELIVERY_MS = MINUTE;

/**
 * Sends through the server of SMTP_URL, one connection per mail: mails are few, and an idle connection would be cut by
 * most servers anyway. A server that does not answer is given up after 10 s, one that stops in the middle after 20 s,
 * and any that has not taken the mail within a minute: then the connection is closed, and the mail counts as not sent.
 */
export class SmtpTransport implements MailTransport {
  private transporter: Transporter | undefined;

  constructor(
    private readonly url: string,
    private readonly from: string,
    private readonly deliveryMs = DELIVERY_MS,
  ) {}

  async send(message: Message): Promise<void> {
    const limit = AbortSignal.timeout(this.deliveryMs);
    try {
      const transporter = await this.open();
      const mail = { ...mimeOf(message, this.from), signal: limit }; // not a literal: its types know no signal yet
      await transporter.sendMail(mail);
    } catch (error) {
      throw new MailError(limit.aborted ? limit.reason : error);
    }
  }

  close(): void {
    this.transporter?.close();
  }

  // Most processes never send a mail: they do not load what it takes.
  private async open(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer');
    return (this.transporter ??= createTransport({
      url: this.url,
      connectionTimeout: 10 * SECOND,
      greetingTimeout: 10 * SECOND,
      socketTimeout: 20 * SECOND,
    }));
  }
}
