import { createHmac } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postJson } from '../../../src/demo/webhook/post-json.js';
import { MailSink } from '../../support/mail-sink.js';
import { Receiver } from '../../support/receiver.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

const SAMPLES = join(import.meta.dirname, '../../../samples');
const SECRET = 'a-secret-of-this-test';
const AIRPORTS = 3_376;

const storage = mkdtempSync(join(tmpdir(), 'shiftwork-demo-'));
const receiver = new Receiver();
let sink: MailSink;
let world: World;

beforeAll(async () => {
  for (const file of ['rocket.jpg', 'astronaut.png', 'airports.csv'])
    copyFileSync(join(SAMPLES, file), join(storage, file));
  [sink] = await Promise.all([MailSink.start(), receiver.start()]);
  const env = {
    STORAGE_DIR: storage,
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
    SMTP_URL: sink.url,
    ADMINS: 'ann@example.org',
    QUEUES: 'high:2,default:6,low:1',
  };
  world = new World(env, 'dist/main.js');
  await Promise.all([world.web(), world.role('worker')]);
});
afterAll(async () => {
  await world.end();
  receiver.stop();
  await sink.stop();
  rmSync(storage, { recursive: true, force: true });
});

interface Made {
  files: { path: string; width: number; height: number; bytes: number }[];
}

const run = async (job: string, payload: unknown, options?: unknown) =>
  world.ended((await world.enqueue(job, payload, options)).id);
const pathsRefused = async (job: string, payload: unknown): Promise<string[]> => {
  const { status, body } = await world.request<{ errors: { path: string }[] }>('POST', `/jobs/${job}`, {
    payload,
  });
  expect(status).toBe(422);
  return body.errors.map((it) => it.path);
};

describe('images.thumbnail', () => {
  it('makes real, smaller images of real photographs, in each format, and never larger ones', async () => {
    const formats = ['webp', 'avif', 'jpeg', 'png'];
    const small = await Promise.all(
      formats.map(async (format) =>
        run('images.thumbnail', { source: 'rocket.jpg', widths: [64, 32], format }),
      ),
    );
    for (const [i, task] of small.entries()) {
      expect(task).toMatchObject({ status: 'FINISHED', queue: 'high', progress: { percent: 100 } });
      const { files } = task.result as Made;
      expect(files.map((it) => it.width)).toEqual([64, 32]);
      const seen = await sharp(join(storage, files[0]?.path ?? '')).metadata();
      expect({ format: seen.format, width: seen.width, height: seen.height }).toEqual({
        format: formats[i] === 'avif' ? 'heif' : formats[i],
        width: 64,
        height: files[0]?.height,
      });
    }
    const large = await run('images.thumbnail', { source: 'rocket.jpg', widths: [4_096] });
    expect((large.result as Made).files).toMatchObject([
      { path: 'thumbnails/rocket.jpg/4096.webp', width: 640, height: 427 },
    ]);
  });

  // Proven: while tasks of one worker shared a draft, the one that was first renamed it away from the others.
  it('makes one image for many who ask for the same at once, and charges none of them', async () => {
    const same = { source: 'rocket.jpg', widths: [48, 56] };
    const tasks = await Promise.all(Array.from({ length: 6 }, () => run('images.thumbnail', same)));
    for (const task of tasks) expect(task).toMatchObject({ status: 'FINISHED', attempts: { made: 0 } });
    const made = readdirSync(join(storage, 'thumbnails/rocket.jpg'));
    expect(made.filter((file) => file.includes('.tmp'))).toEqual([]);
  });

  it('takes no path out of the storage, and no wrong sizes', async () => {
    symlinkSync(tmpdir(), join(storage, 'way-out'));
    writeFileSync(join(tmpdir(), 'shiftwork-outside.jpg'), 'x');
    expect(await pathsRefused('images.thumbnail', { source: '../x.jpg', widths: [64] })).toEqual([
      'payload.source',
    ]);
    expect(
      await pathsRefused('images.thumbnail', { source: '/etc/passwd', widths: [8, 64, 'x'], more: 1 }),
    ).toEqual(['payload.source', 'payload.widths.0', 'payload.widths.2', 'payload.more']);
    const escaped = await run('images.thumbnail', { source: 'way-out/shiftwork-outside.jpg', widths: [64] });
    expect(escaped).toMatchObject({
      status: 'FAILED',
      attempts: { made: 1 },
      error: { message: expect.stringContaining('not below STORAGE_DIR') as unknown },
    });
    rmSync(join(tmpdir(), 'shiftwork-outside.jpg'));
  });

  it('does not try again what is no image', async () => {
    expect(await run('images.thumbnail', { source: 'airports.csv', widths: [64] })).toMatchObject({
      status: 'FAILED',
      attempts: { made: 1 },
    });
  });
});

describe('csv.import', () => {
  const rowsOf = async (dataset: string) =>
    world.rows<{ line: number; data: Record<string, string> }>(
      'SELECT line, data FROM app.csv_rows WHERE dataset = $1 ORDER BY line',
      [dataset],
    );

  it('imports every row of a real file, and replaces what an earlier import left', async () => {
    for (const batchSize of [500, 900]) {
      const task = await run('csv.import', { file: 'airports.csv', dataset: 'airports', batchSize });
      expect(task).toMatchObject({ status: 'FINISHED', result: { rows: AIRPORTS, rejected: 0 } });
    }
    const rows = await rowsOf('airports');
    expect(rows).toHaveLength(AIRPORTS);
    expect(rows[0]).toEqual({
      line: 2,
      data: {
        iata: '00M',
        name: 'Thigpen',
        city: 'Bay Springs',
        state: 'MS',
        country: 'USA',
        latitude: '31.95376472',
        longitude: '-89.23450472',
      },
    });
  });

  it('counts and keeps the rows whose shape is wrong', async () => {
    writeFileSync(join(storage, 'shapes.csv'), 'a,b\n1,2\n1,2,3\n"x, y",4\n5\n');
    expect(await run('csv.import', { file: 'shapes.csv', dataset: 'shapes', batchSize: 2 })).toMatchObject({
      result: { rows: 2, rejected: 2 },
    });
    expect(
      await world.rows('SELECT line, raw, reason FROM app.csv_rejects WHERE dataset = $1 ORDER BY line', [
        'shapes',
      ]),
    ).toEqual([
      { line: 3, raw: '1,2,3', reason: 'has 3 columns, the header has 2' },
      { line: 5, raw: '5', reason: 'has 1 columns, the header has 2' },
    ]);
  });

  /** In one snapshot: the last line that is there, and the last line that the checkpoint says is there. */
  const committed = async (id: string): Promise<{ rows: number; saved: number }> => {
    const [seen] = await world.rows<{ rows: number; saved: number }>(
      `SELECT coalesce((SELECT max(line) FROM app.csv_rows WHERE dataset = 'killed'), 0) AS rows,
              coalesce((SELECT (checkpoint ->> 'line')::int FROM app.live WHERE id = $1), 0) AS saved`,
      [id],
    );
    return seen ?? { rows: -1, saved: 0 };
  };

  // Proven: with task.checkpoint outside of the transaction there are rows that no checkpoint knows of.
  it('imports every line exactly once although its worker is killed in the middle', async () => {
    const lines = readFileSync(join(SAMPLES, 'airports.csv'), 'utf8').split('\n').slice(0, 501);
    writeFileSync(join(storage, 'killed.csv'), lines.join('\n'));
    const second = await world.role('worker');
    const { id } = await world.enqueue('csv.import', {
      file: 'killed.csv',
      dataset: 'killed',
      batchSize: 1,
    });
    const torn: unknown[] = [];
    await waitFor(
      'the import to be on its way',
      async () => {
        const seen = await committed(id);
        if (seen.rows !== seen.saved) torn.push(seen);
        return seen.saved > 200;
      },
      { everyMs: 1 },
    );
    expect(torn).toEqual([]);
    const { worker } = await world.task(id);
    const { items } = (await world.request<{ items: { id: string; pid: number }[] }>('GET', '/processes'))
      .body;
    const pid = items.find((it) => it.id === worker)?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    if (second.pid === pid) await world.role('worker');
    const task = await world.ended(id, 90_000);
    expect(task).toMatchObject({
      status: 'FINISHED',
      crashes: 1,
      attempts: { made: 0 },
      result: { rows: 500, rejected: 0 },
    });
    expect(task.executions.map((it) => it.outcome)).toEqual(['crashed', 'finished']);
    expect((await rowsOf('killed')).map((it) => it.line)).toEqual(
      Array.from({ length: 500 }, (_, i) => i + 2),
    );
  }, 120_000);
});

describe('webhook.deliver', () => {
  const body = { invoice: 17, text: 'für „dich“' };

  it('posts signed JSON that says which task and execution it comes from', async () => {
    const task = await run('webhook.deliver', { url: receiver.url('/ok'), body });
    expect(task).toMatchObject({ status: 'FINISHED', result: { status: 204 } });
    const [request] = receiver.at('/ok');
    const signature = `sha256=${createHmac('sha256', SECRET)
      .update(request?.body ?? '')
      .digest('hex')}`;
    expect(JSON.parse(request?.body ?? '')).toEqual(body);
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'shiftwork-task': task.id,
      'shiftwork-execution': '1',
      'shiftwork-signature': signature,
    });
  });

  it('tries again after 5xx and 429, and not before Retry-After', async () => {
    receiver.answer(
      '/busy',
      503,
      (response) => void response.writeHead(429, { 'retry-after': '3' }).end(),
      200,
    );
    const task = await run('webhook.deliver', { url: receiver.url('/busy'), body });
    expect(task).toMatchObject({
      status: 'FINISHED',
      result: { status: 200 },
      attempts: { made: 2 },
      executions: [{ error: { code: 'http-503' } }, { error: { code: 'http-429' } }, { error: null }],
    });
    const [, second, third] = receiver.at('/busy').map((it) => it.atMs);
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(2_900); // a lower bound holds on a slow machine too
  });

  it('does not try again after another 4xx; 410 is handled without a mail', async () => {
    receiver.answer('/gone', 410);
    receiver.answer('/no', 404);
    const [gone, no] = await Promise.all(
      ['/gone', '/no'].map(async (path) =>
        run('webhook.deliver', { url: receiver.url(path), body }, { key: path }),
      ),
    );
    expect(no).toMatchObject({
      status: 'FAILED',
      attempts: { made: 1 },
      error: { name: 'WebhookRefused404', code: 'http-404' },
    });
    expect(gone).toMatchObject({ status: 'FAILED', attempts: { made: 1 }, error: { code: 'http-410' } });
    await waitFor('the mail about 404', () => sink.mails.some((mail) => mail.subject.includes('404')));
    const failed = await waitFor('the handler to be on record', async () => {
      const { items } = (
        await world.request<{ items: { task: string; handledBy: string | null }[] }>(
          'GET',
          '/failed-tasks?job=webhook.deliver',
        )
      ).body;
      const handled = items.filter((it) => it.handledBy !== null);
      return handled.length > 0 ? handled : undefined;
    });
    expect(failed).toEqual([expect.objectContaining({ task: gone?.id, handledBy: 'GoneReceiver' })]);
    expect(sink.mails.filter((mail) => mail.subject.includes('410'))).toEqual([]);
  });

  it('gives up waiting for an answer, and for nobody at all', async () => {
    receiver.answer('/silent', () => undefined);
    const payload = { url: receiver.url('/silent'), body, timeoutMs: 200 };
    expect(await run('webhook.deliver', payload, { attempts: 1 })).toMatchObject({
      status: 'FAILED',
      error: { message: expect.stringContaining('within 200 ms') as unknown },
    });
    expect(await run('webhook.deliver', { url: 'http://127.0.0.1:9/', body }, { attempts: 1 })).toMatchObject(
      { status: 'FAILED', error: { code: 'ECONNREFUSED' } },
    );
  });

  it('stops at once when it is cancelled', async () => {
    receiver.answer('/slow', () => undefined);
    const { id } = await world.enqueue('webhook.deliver', {
      url: receiver.url('/slow'),
      body,
      timeoutMs: 100_000,
    });
    await waitFor('the delivery', () => receiver.at('/slow').length > 0);
    await world.request('POST', `/tasks/${id}/cancel`);
    expect(await world.ended(id)).toMatchObject({
      status: 'CANCELLED',
      executions: [{ outcome: 'cancelled' }],
    });
  });

  // Proven: with dns.lookup in place of guardedLookup the receiver is reached through its name.
  it.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])(
    'does not call %s unless it is allowed to',
    async (host) => {
      const url = new URL(receiver.url('/private'));
      url.host = `${host}:${url.port}`;
      const post = { url, body: '1', headers: {}, signal: AbortSignal.timeout(10_000) };
      await expect(postJson({ ...post, allowPrivate: false })).rejects.toMatchObject({
        code: 'address-refused',
      });
      expect(receiver.at('/private')).toEqual([]);
    },
  );

  it('takes 101 for the refusal that it is: a receiver that changes the protocol holds nobody up', async () => {
    receiver.answer('/upgrade', (response) => {
      response.writeHead(101, { connection: 'Upgrade', upgrade: 'websocket' }).end();
    });
    const task = await run('webhook.deliver', { url: receiver.url('/upgrade'), body: 1 });
    expect(task).toMatchObject({ status: 'FAILED', error: { code: 'http-101' }, attempts: { made: 1 } });
  });

  it('refuses a URL that is none', async () => {
    expect(await pathsRefused('webhook.deliver', { url: 'ftp://example.org', timeoutMs: 1 })).toEqual([
      'payload.url',
      'payload.body',
      'payload.timeoutMs',
    ]);
  });
});

describe('reports.daily', () => {
  it("mails the admins yesterday's counts per job", async () => {
    const yesterday = Date.now() - 86_400_000;
    for (const status of ['FINISHED', 'FINISHED', 'CANCELLED']) {
      const id = v7({ msecs: yesterday });
      await world.rows(
        `INSERT INTO app.task (id, job, queue, payload, attempts_max, backoff, on_worker_lost, run_at)
         VALUES ($1, 'orders.ship', 'default', '{}', 3, '{"type": "fixed", "delay": 1}', 'rerun', now())`,
        [id],
      );
      await world.rows(
        `INSERT INTO app.ended (id, status, execution, attempts_made, interruptions, crashes, version, progress_percent)
         VALUES ($1, $2, 1, 0, 0, 0, 1, 100)`,
        [id, status],
      );
    }
    const { result } = await run('reports.daily', {});
    expect(result).toMatchObject({
      mailed: true,
      jobs: [{ job: 'orders.ship', accepted: 3, finished: 2, failed: 0, cancelled: 1 }],
    });
    const mail = await waitFor('the report', () => sink.mails.find((it) => it.subject.includes('report of')));
    expect(mail).toMatchObject({ to: ['ann@example.org'] });
    expect(mail.text).toMatch(/orders\.ship +3 +2 +0 +1/);
  });
});
