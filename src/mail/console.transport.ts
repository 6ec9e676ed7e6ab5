import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MailError } from './mail-error.js';
import type { MailTransport, Message } from './message.js';
import { mimeOf } from './mime.js';

/**
 * For development, without SMTP_URL: prints the message to stderr and keeps it as `<folder>/<Message-ID>.eml`, which
 * every mail program opens. A mail sent twice is one file, as it would be one mail in a mailbox that knows its ids.
 */
export class ConsoleTransport implements MailTransport {
  constructor(
    private readonly folder: string,
    private readonly from: string,
    private readonly print: (text: string) => void = (text) => void process.stderr.write(text),
  ) {}

  async send(message: Message): Promise<void> {
    try {
      const { createTransport } = await import('nodemailer');
      const transporter = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
      const { message: eml } = await transporter.sendMail(mimeOf(message, this.from));
      const file = path.join(this.folder, `${fileName(message.messageId)}.eml`);
      await mkdir(this.folder, { recursive: true });
      await writeFile(file, eml);
      this.print(`--- mail to ${message.to.join(', ')} (SMTP_URL is not set; kept as ${file})\n`);
      this.print(`Subject: ${message.subject}\n\n${message.text}\n---\n`);
    } catch (error) {
      throw new MailError(error);
    }
  }

  close(): void {
    // Nothing stays open.
  }
}

function fileName(messageId: string): string {
  return messageId.replaceAll(/[^a-zA-Z0-9@._-]/g, '_');
}
