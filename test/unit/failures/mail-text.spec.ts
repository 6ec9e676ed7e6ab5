import { describe, expect, it } from 'vitest';
import {
  type FailureMail,
  attentionMail,
  failureMail,
  summaryMail,
} from '../../../src/failures/mail-text.js';

const mail: FailureMail = {
  appName: 'billing',
  link: 'https://jobs.example.org/admin/failed-tasks/0192',
  job: 'invoice.send',
  queue: 'mail',
  task: '0191',
  kind: 'error',
  error: { name: 'SmtpError', message: 'mailbox <full> & closed', stack: 'SmtpError: …\n    at Invoice.run' },
  attempts: 3,
  failedAt: new Date('2026-11-21T08:00:00.000Z'),
  fresh: 1,
  total: 1,
  firstAt: new Date('2026-11-21T08:00:00.000Z'),
};

describe('failureMail', () => {
  it('says in the subject what failed and how', () => {
    expect(failureMail(mail).subject).toBe('[billing] invoice.send failed: mailbox <full> & closed');
  });

  it('tells the error, where, how often, and where to look, in text and HTML', () => {
    const { text, html } = failureMail({ ...mail, fresh: 9_999, total: 10_000 });
    for (const said of [
      'invoice.send (queue mail)',
      '9999',
      '10000, the first at 2026-11-21T08:00:00.000Z',
      mail.link,
      'at Invoice.run',
    ]) {
      expect(text).toContain(said);
      expect(html).toContain(said);
    }
  });

  it('takes the text of an error for text, not for HTML', () => {
    expect(failureMail(mail).html).toContain('mailbox &lt;full&gt; &amp; closed');
    expect(failureMail(mail).html).not.toContain('<full>');
  });

  it('keeps the subject on one line, whatever the error says', () => {
    const { subject } = failureMail({
      ...mail,
      error: { ...mail.error, message: `first\r\nBcc: everybody@example.org\n${'x'.repeat(500)}` },
    });
    expect(subject).toBe('[billing] invoice.send failed: first');
    expect(
      failureMail({ ...mail, error: { ...mail.error, message: 'x'.repeat(500) } }).subject.length,
    ).toBeLessThan(160);
  });
});

describe('attentionMail and summaryMail', () => {
  it('say what is the matter, and where to look', () => {
    const { subject, text } = attentionMail({
      appName: 'billing',
      link: 'https://x/admin/queues',
      title: 'queue "mail" has no worker',
      advice: 'Start one.',
      since: mail.failedAt,
    });
    expect(subject).toBe('[billing] queue "mail" has no worker');
    expect(text).toContain('Start one.');
    expect(text).toContain('https://x/admin/queues');
  });

  it('name every cause of a flood in one mail', () => {
    const lines = ['a', 'b'].map((title, i) => ({ title, fresh: 10 + i, link: `https://x/${title}` }));
    const { subject, text } = summaryMail('billing', 'https://x/all', 30, lines);
    expect(subject).toContain('2 more causes');
    for (const said of ['10 ×', '11 ×', 'https://x/a', 'https://x/b', 'https://x/all'])
      expect(text).toContain(said);
  });
});
