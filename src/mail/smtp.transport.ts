import type { Transporter } from 'nodemailer';
import { SECOND } from '../foundation/index.js';
import { MailError } from './mail-error.js';
import type { MailTransport, Message } from './message.js';
import { mimeOf } from './mime.js';

/**
 * Sends through the server of SMTP_URL, one connection per mail: mails are few, and an idle connection would be cut by
 * most servers anyway. A server that does not answer is given up after 10 s, one that stops in the middle after 20 s.
 */
export class SmtpTransport implements MailTransport {
  private transporter: Transporter | undefined;

  constructor(
    private readonly url: string,
    private readonly from: string,
  ) {}

  async send(message: Message): Promise<void> {
    try {
      const transporter = await this.open();
      await transporter.sendMail(mimeOf(message, this.from));
    } catch (error) {
      throw new MailError(error);
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
