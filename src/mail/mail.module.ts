import path from 'node:path';
import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { ConsoleTransport } from './console.transport.js';
import { MAIL_TRANSPORT } from './mail-transport-token.js';
import { Mailer } from './mailer.js';
import type { MailTransport } from './message.js';
import { SmtpTransport } from './smtp.transport.js';

/** The transport that the settings ask for: SMTP_URL, or else the console and files under DATA_DIR/mails. */
export function transportOf(settings: Settings): MailTransport {
  if (settings.smtpUrl !== null) return new SmtpTransport(settings.smtpUrl, settings.mailFrom);
  return new ConsoleTransport(path.join(settings.dataDir, 'mails'), settings.mailFrom);
}

/** Provides the `Mailer` with the transport that the settings ask for. */
@Module({
  providers: [{ provide: MAIL_TRANSPORT, useFactory: transportOf, inject: [SETTINGS] }, Mailer],
  exports: [Mailer],
})
export class MailModule {}
