import type { SendMailOptions } from 'nodemailer';
import type { Message } from './message.js';

/** A message as nodemailer wants it. */
export function mimeOf(message: Message, from: string): SendMailOptions {
  return {
    from,
    to: [...message.to],
    subject: message.subject,
    messageId: `<${message.messageId}>`,
    ...(message.inReplyTo === undefined
      ? {}
      : { inReplyTo: `<${message.inReplyTo}>`, references: `<${message.inReplyTo}>` }),
    text: message.text,
    html: message.html,
    // No out-of-office reply to a program.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    // Bodies are ours: an error's text must never be read as a file name or an address to fetch.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
