import { UnavailableError, messageOf } from '../foundation/index.js';

/**
 * The mail server did not take a message. `refused` means that it was there and said no to this one (an unknown
 * recipient, a full mailbox, greylisting), so that the next message may fare better; otherwise the server is away.
 */
export class MailError extends UnavailableError {
  readonly code = 'mail-unavailable';
  readonly refused: boolean;

  constructor(cause: unknown) {
    super(
      `The mail server did not take the message (${messageOf(cause)}). It is kept and sent again; check SMTP_URL and MAIL_FROM if this goes on.`,
      {},
      { cause },
    );
    this.refused =
      cause instanceof Error && 'responseCode' in cause && MESSAGE_COMMANDS.has(commandOf(cause));
  }
}

// What the server can answer about one message; a refusal of CONN, EHLO, STARTTLS or AUTH concerns them all.
const MESSAGE_COMMANDS = new Set(['MAIL FROM', 'RCPT TO', 'DATA', '']);

function commandOf(error: Error): string {
  return 'command' in error && typeof error.command === 'string' ? error.command : '';
}
