/** Injection token of the `MailTransport` that the settings ask for. */
export const MAIL_TRANSPORT = Symbol('shiftwork.mailTransport');
