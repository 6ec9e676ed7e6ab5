import type { FailureKind } from '../ledger/index.js';

/** What a mail about failures of one fingerprint tells. */
export interface FailureMail {
  readonly appName: string;
  readonly link: string;
  readonly job: string;
  readonly queue: string;
  readonly task: string;
  readonly kind: FailureKind;
  readonly error: { readonly name: string; readonly message: string; readonly stack: string | null };
  readonly attempts: number;
  readonly failedAt: Date;
  /** Failures since the last mail about this fingerprint, this one included. */
  readonly fresh: number;
  /** All failures of this fingerprint that are on record. */
  readonly total: number;
  readonly firstAt: Date;
}

/** What a mail about something else than a failure tells. */
export interface AttentionMail {
  readonly appName: string;
  readonly link: string;
  /** One line: the subject. */
  readonly title: string;
  /** What it means and what to do. */
  readonly advice: string;
  readonly since: Date;
}

/** One line of the summary that is sent once the cap per hour is reached. */
export interface SummaryLine {
  readonly title: string;
  readonly fresh: number;
  readonly link: string;
}

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const KINDS: Record<FailureKind, string> = {
  error: 'It used up its attempts, or must not be tried again.',
  timeout: 'It ran longer than its timeout allows.',
  crashed: 'Its worker process died under it, again and again.',
};

/** The mail about failures of one fingerprint. Pure. */
export function failureMail(mail: FailureMail): MailText {
  const message = firstLine(mail.error.message);
  const more = mail.fresh > 1 ? ` (${count(mail.fresh)} times)` : '';
  const rows: Row[] = [
    ['Job', `${mail.job} (queue ${mail.queue})`],
    ['Error', `${mail.error.name}: ${mail.error.message}`],
    ['Why', KINDS[mail.kind]],
    ['Attempts', count(mail.attempts)],
    ['Last at', mail.failedAt.toISOString()],
    ['Since the last mail', count(mail.fresh)],
    ['In all', `${count(mail.total)}, the first at ${mail.firstAt.toISOString()}`],
    ['Task', mail.task],
  ];
  return {
    subject: subject(mail.appName, `${mail.job} failed: ${message}${more}`),
    ...bodies({
      lead: `${mail.job} failed for good.`,
      rows,
      link: [mail.link, 'See everything, and run it again'],
      code: mail.error.stack,
    }),
  };
}

/** The mail about something else that an admin should know. Pure. */
export function attentionMail(mail: AttentionMail): MailText {
  return {
    subject: subject(mail.appName, mail.title),
    ...bodies({
      lead: mail.title,
      rows: [
        ['What to do', mail.advice],
        ['Since', mail.since.toISOString()],
      ],
      link: [mail.link, 'Look at it'],
      code: null,
    }),
  };
}

/** The one mail that stands for many, once the cap per hour is reached. Pure. */
export function summaryMail(
  appName: string,
  link: string,
  cap: number,
  lines: readonly SummaryLine[],
): MailText {
  return {
    subject: subject(
      appName,
      `${count(lines.length)} more causes of trouble (${String(cap)} mails were sent within the hour)`,
    ),
    ...bodies({
      lead: `${String(cap)} mails were sent within the hour, which is the most that MAIL_CAP_PER_HOUR allows. This one stands for the rest.`,
      rows: lines.map((line): Row => [`${count(line.fresh)} ×`, `${line.title}\n${line.link}`]),
      link: [link, 'See them all'],
      code: null,
    }),
  };
}

type Row = readonly [name: string, value: string];

interface Body {
  readonly lead: string;
  readonly rows: readonly Row[];
  readonly link: readonly [url: string, words: string];
  readonly code: string | null;
}

function bodies(body: Body): { text: string; html: string } {
  return { text: plain(body), html: html(body) };
}

function plain({ lead, rows, link, code }: Body): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(
    ([name, value]) =>
      `${`${name}:`.padEnd(width + 2)}${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
  );
  return [lead, '', ...lines, '', `${link[1]}: ${link[0]}`, ...(code === null ? [] : ['', code]), ''].join(
    '\n',
  );
}

function html({ lead, rows, link, code }: Body): string {
  const cells = rows.map(
    ([name, value]) =>
      `<tr><th align="left" valign="top">${escaped(name)}</th><td>${escaped(value).replaceAll('\n', '<br>')}</td></tr>`,
  );
  return [
    '<!doctype html><html><body style="font-family: sans-serif">',
    `<p>${escaped(lead)}</p>`,
    `<table cellpadding="4">${cells.join('')}</table>`,
    `<p><a href="${escaped(link[0])}">${escaped(link[1])}</a></p>`,
    code === null ? '' : `<pre style="background: #f4f4f4; padding: 8px">${escaped(code)}</pre>`,
    '</body></html>',
  ].join('\n');
}

// A subject is one line: what follows a line break would be read as the next header.
function subject(appName: string, words: string): string {
  return `[${appName}] ${words}`;
}

function firstLine(text: string): string {
  const [line = ''] = text.split(/[\r\n]/, 1);
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}

// No separators: programs read these mails, too.
function count(number: number): string {
  return String(number);
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
