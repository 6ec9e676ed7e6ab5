/** A mail as the rooms above write it. Addresses, subject and bodies are plain text; nothing here is encoded yet. */
export interface Message {
  /** Without angle brackets. The same mail sent twice carries the same one, so that a mailbox can tell. */
  readonly messageId: string;
  /** Message-ID of the first mail about the same cause: mail programs show them as one thread. */
  readonly inReplyTo?: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Takes a message out of our hands. Resolves when it is taken, throws `MailError` when it is not. */
export interface MailTransport {
  send(message: Message): Promise<void>;
  /** Closes what it holds open; later sends may open it again. */
  close(): void;
}
