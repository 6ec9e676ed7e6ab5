import { Entity, PrimaryColumn } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TaskFeed, Tasks, type TaskEvent } from '../../../src/tasks/index.js';
import { openInProcess } from '../../support/in-process.js';
import { query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { gateOf, Web } from '../http/web.fixture.js';

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web', 'worker']);
});
afterAll(() => web.stop());

interface Followed {
  readonly first: TaskEvent;
  next(): Promise<TaskEvent>;
}

/** Follows a task that has started; what comes after its present state waits to be asked for. */
async function follow(id: string): Promise<Followed> {
  await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
  const events = web.app.get(Tasks, { strict: false }).follow(id);
  const next = async (): Promise<TaskEvent> => {
    const { value, done } = await events.next();
    if (done === true) throw new Error('the task has ended');
    return value;
  };
  return { first: await next(), next };
}

describe('following a task', () => {
  const feed = (): TaskFeed => web.app.get(TaskFeed, { strict: false });
  const say = (id: string, message: string): void => {
    feed().tell({ kind: 'log', id, at: new Date(0).toISOString(), level: 'info', message, execution: 1 });
  };

  // Proven: without the look at the version it is told after the state that it led to.
  it('drops progress that is older than what was told', async () => {
    const id = await web.enqueue('test.steps', { name: 'late' });
    const { first, next } = await follow(id);
    feed().tell({ kind: 'progress', id, version: Number(first.id) - 1, percent: 99, message: 'late' });
    say(id, 'after it');
    expect(await next()).toMatchObject({ event: 'log', data: { message: 'after it' } });
    await web.post(`/tasks/${id}/cancel`);
  });

  // Proven: with the version of the row, which is read later, the ids went back and forth.
  it('gives a line no smaller id than the progress before it', async () => {
    const id = await web.enqueue('test.steps', { name: 'in order' });
    const { first, next } = await follow(id);
    feed().tell({ kind: 'progress', id, version: Number(first.id) + 1, percent: 10, message: null });
    say(id, 'after it');
    const progress = await next();
    expect(progress).toMatchObject({ event: 'progress', id: String(Number(first.id) + 1) });
    expect(await next()).toMatchObject({ event: 'log', id: progress.id });
    await web.post(`/tasks/${id}/cancel`);
  });

  it('does not tell the same progress again when the row is read', async () => {
    const id = await web.enqueue('test.steps', { name: 'once' });
    const { next } = await follow(id);
    gateOf('once').half.resolve();
    expect(await next()).toMatchObject({ event: 'progress', data: { percent: 50 } });
    await waitFor('the row', async () => (await web.get(`/tasks/${id}`)).body.progress.percent === 50);
    feed().tellChanged(id);
    say(id, 'told before the change');
    expect(await next()).toMatchObject({ event: 'log' });
    gateOf('once').end.resolve();
    expect(await next()).toMatchObject({ event: 'status', data: { status: 'FINISHED' } });
  });

  // Proven: with a look for a greater version only, the stream closes without its end.
  it('tells the end also where PostgreSQL has lost the start in a crash, which leads to the same version again', async () => {
    const id = await web.enqueue('test.steps', { name: 'lost' });
    const { first, next } = await follow(id);
    await query(
      `UPDATE "${web.appName}".live SET status = 'QUEUED', claim = NULL, execution = 0, version = version - 1 WHERE id = $1`,
      [id],
    );
    await web.post(`/tasks/${id}/cancel`);
    expect(await next()).toMatchObject({ id: first.id, event: 'status', data: { status: 'CANCELLED' } });
    gateOf('lost').half.resolve();
    gateOf('lost').end.resolve();
  });

  // Proven: without a bound all of them wait in memory for a client that does not read.
  it('keeps the newest lines for a reader that is slow, and not all there are', async () => {
    const id = await web.enqueue('test.steps', { name: 'chatty' });
    const { next } = await follow(id);
    let heard = 0;
    await feed().listen(id, (news) => {
      if (news.kind === 'log') heard++;
    });
    for (let i = 1; i <= 5_000; i++) say(id, String(i));
    await waitFor('all lines', () => heard === 5_000);
    await web.post(`/tasks/${id}/cancel`);
    await web.ended(id);
    const lines: string[] = [];
    let event = await next();
    for (; event.event !== 'status'; event = await next())
      if (event.event === 'log') lines.push(event.data.message);
    expect(event.data.status).toBe('CANCELLED');
    expect(lines.length).toBeLessThanOrEqual(1_000);
    expect(lines.at(-1)).toBe('5000');
  });
});

@Entity()
class Customer {
  @PrimaryColumn() id = 7;
}

describe('in a process that does not have the class of a job', () => {
  it('its payload is checked by its schema, whose patterns need not be of Unicode, and holds no entities', async () => {
    const { tasks, close } = await openInProcess(web.appName);
    try {
      expect(await tasks.enqueue('test.phone', { phone: '555-1234' })).toMatchObject({ isNew: true });
      await expect(tasks.enqueue('test.phone', { phone: '5551234' })).rejects.toThrow('payload.phone');
      await expect(tasks.enqueue('test.echo', { text: 'a', of: new Customer() })).rejects.toThrow(
        'payload.of: is an instance of the entity Customer',
      );
    } finally {
      await close();
    }
  });

  // Proven: without the look into the ledger before the answer is made, the first answer of the process shows the secret.
  it.each(['enqueue', 'again'] as const)('the answer of %s keeps its secrets', async (what) => {
    const payload = { text: 'a', secret: 'S-12345' };
    const id = await web.enqueue('test.echo', payload);
    await web.ended(id);
    const other = await openInProcess(web.appName);
    try {
      const task = await (what === 'again'
        ? other.tasks.again(id)
        : other.tasks.enqueue('test.echo', payload));
      expect(task.payload).toEqual({ text: 'a', secret: '[secret]' });
    } finally {
      await other.close();
    }
  });

  it('a field is a secret as soon as a release has marked it, also to a process that has asked before', async () => {
    const id = await web.enqueue('test.echo', { text: 'a', secret: 'S-12345' });
    const other = await openInProcess(web.appName);
    const mark = (paths: string[]) =>
      query(`UPDATE "${web.appName}".job_definition SET secret_paths = $1 WHERE name = 'test.echo'`, [
        JSON.stringify(paths),
      ]);
    try {
      const shown = async () => (await other.tasks.get(id)).payload;
      expect(await shown()).toEqual({ text: 'a', secret: '[secret]' });
      await mark(['secret', 'text']);
      expect(await shown()).toEqual({ text: '[secret]', secret: '[secret]' });
    } finally {
      await mark(['secret']);
      await other.close();
    }
  });
});
