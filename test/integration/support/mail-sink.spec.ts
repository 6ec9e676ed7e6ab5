import { createTransport } from 'nodemailer';
import { afterEach, describe, expect, it } from 'vitest';
import { MailSink } from '../../support/mail-sink.js';

const sinks: MailSink[] = [];

afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.stop();
});

async function setup(): Promise<{ sink: MailSink; send: () => Promise<unknown> }> {
  const sink = await MailSink.start();
  sinks.push(sink);
  const send = async (): Promise<unknown> =>
    createTransport(sink.url).sendMail({
      from: 'shiftwork@example.org',
      to: ['a@example.org', 'b@example.org'],
      subject: 'Überlänge: ein Betreff, der so lang ist, dass er auf zwei Zeilen verteilt werden muss',
      messageId: '<abc.1@shiftwork>',
      text: 'Grüße = 100 % of a line that is longer than seventy-six characters, so that it has to be folded somewhere.',
      html: '<p>Grüße</p>',
    });
  return { sink, send };
}

describe('the mail sink', () => {
  it('keeps a message with its envelope, subject, message id and text', async () => {
    const { sink, send } = await setup();
    await send();
    expect(sink.mails).toHaveLength(1);
    expect(sink.mails[0]).toMatchObject({
      from: 'shiftwork@example.org',
      to: ['a@example.org', 'b@example.org'],
      subject: 'Überlänge: ein Betreff, der so lang ist, dass er auf zwei Zeilen verteilt werden muss',
      messageId: '<abc.1@shiftwork>',
    });
    expect(sink.mails[0]?.text).toContain(
      'Grüße = 100 % of a line that is longer than seventy-six characters, so that it has to be folded somewhere.',
    );
  });

  it('answers with the code it is told to, and keeps nothing then', async () => {
    const { sink, send } = await setup();
    sink.answerWith(451);
    await expect(send()).rejects.toMatchObject({ responseCode: 451 });
    expect(sink.mails).toEqual([]);
    expect(sink.refused).toBe(1);

    sink.answerWith();
    await send();
    expect(sink.mails).toHaveLength(1);
  });

  it('can be away for a while and come back on its port', async () => {
    const { sink, send } = await setup();
    await sink.stop();
    await expect(send()).rejects.toMatchObject({ code: 'ESOCKET' });

    await sink.start();
    await send();
    expect(sink.mails).toHaveLength(1);
  });
});
