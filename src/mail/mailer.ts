import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { MAIL_TRANSPORT } from './mail-transport-token.js';
import type { MailTransport, Message } from './message.js';

/** The door to the mail server: writes to the admins (ADMINS), from MAIL_FROM. */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(MAIL_TRANSPORT) private readonly transport: MailTransport,
  ) {}

  /** Whether there is anybody to write to. */
  get hasReaders(): boolean {
    return this.settings.admins.length > 0;
  }

  /**
   * Writes to every admin at once. Resolves when the server took the mail for at least one of them; throws `MailError`
   * when it did not, and then nothing is known to be sent. Nothing is kept here: whoever calls tries again.
   */
  async sendToAdmins(message: Omit<Message, 'to'>): Promise<void> {
    await this.transport.send({ ...message, to: this.settings.admins });
  }

  onApplicationShutdown(): void {
    this.transport.close();
  }
}
