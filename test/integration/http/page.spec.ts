import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deferred, newId } from '../../../src/foundation/index.js';
import { TestBrowser } from '../../support/browser.js';
import { waitFor } from '../../support/wait.js';
import { ADMIN, gateOf, VIEWER, Web } from './web.fixture.js';

let web: Web;
let browser: TestBrowser;
beforeAll(async () => {
  [web, browser] = await Promise.all([Web.start(['web', 'worker']), TestBrowser.open()]);
});
afterAll(() => Promise.all([browser.close(), web.stop()]));

let page: Page;
let complaints: string[];
beforeEach(async () => {
  ({ page, complaints } = await browser.tab());
});

async function open(hash: string, token = ADMIN): Promise<void> {
  await page.goto(`${web.url}/admin${hash}`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** What the page says of what was done. */
const said = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();

async function failedTask(why: string): Promise<string> {
  const task = await web.enqueue('test.fail', { why });
  return waitFor('a FailedTask', async () => {
    const { body } = await web.get('/failed-tasks?limit=200');
    return body.items.find((each) => each.task === task)?.id;
  });
}

const PICTURE = '<img src="x" onerror="document.title=1">';

describe('the dashboard in a browser', () => {
  it('asks for a token, again if it is wrong, and then shows the queues and the processes', async () => {
    await open('', 'wrong');
    await page.getByText('Sign in first').waitFor();
    await page.getByLabel('Token').fill(VIEWER);
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /^high/ }).waitFor();
    await page.getByRole('row', { name: /web, worker/ }).waitFor();
    // Nothing but the two answers 401 that brought the question.
    expect(new Set(complaints)).toEqual(new Set([expect.stringContaining('401')]));

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(await page.getByText('web, worker').count()).toBe(0);
  });

  it('is not signed out again by an answer to what was asked before the token', async () => {
    const signedIn = deferred();
    const late = page.waitForResponse(
      (response) => response.url().includes('/processes') && response.status() === 401,
    );
    await page.route(
      '**/processes*',
      async (route) => {
        await signedIn.promise;
        await route.continue();
      },
      { times: 1 },
    );
    await open('#/overview');
    await page.getByRole('row', { name: /^high/ }).waitFor();
    signedIn.resolve();
    await (await late).finished();
    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.getByRole('heading', { name: 'Schedules' }).waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(1);
  });

  it('lets an EventSource follow tasks while somebody is signed in', async () => {
    const id = await web.enqueue('test.echo', { text: 'followed' });
    await web.ended(id);
    await open('#/overview', VIEWER);
    await page.getByRole('row', { name: /^high/ }).waitFor();
    const followed = `new Promise((resolve) => {
      const events = new EventSource('tasks/${id}/events');
      const end = (how) => { events.close(); resolve(how); };
      events.addEventListener('status', ({ data }) => end(JSON.parse(data).status));
      events.addEventListener('error', () => end('refused'));
    })`;
    expect(await page.evaluate(followed)).toBe('FINISHED');
    expect(await page.context().cookies(`${web.url}/tasks/${id}/events`)).toMatchObject([
      { name: 'shiftwork-token', path: '/tasks', sameSite: 'Strict', secure: false },
    ]);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate(followed)).toBe('refused');
    expect(await page.context().cookies()).toEqual([]);
  });

  it('retries a failed task by one click', async () => {
    const id = await failedTask('to be retried');
    await open(`#/failed/${id}`);
    await page.getByRole('button', { name: 'Retry' }).click();
    await said('Retry: done');
    await page.getByRole('link', { name: 'its retry' }).click();
    await page.getByRole('heading', { name: 'test.fail' }).waitFor();

    const { body } = await web.get(`/failed-tasks/${id}`);
    expect([body.state, body.audit]).toEqual(['RETRIED', [expect.objectContaining({ action: 'retry' })]]);
    expect(page.url()).toMatch(/#\/tasks\/[0-9a-f-]{36}$/);
  });

  it('dismisses with a reason, and not when the question is cancelled', async () => {
    const id = await failedTask('to be dismissed');
    await open(`#/failed/${id}`);
    page.once('dialog', (dialog) => void dialog.dismiss());
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await said('Not dismissed');
    expect((await web.get(`/failed-tasks/${id}`)).body.state).toBe('OPEN');

    page.once('dialog', (dialog) => void dialog.accept('known fault'));
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await said('Dismiss: done');
    await page.getByRole('cell', { name: 'known fault' }).waitFor();
    expect((await web.get(`/failed-tasks/${id}`)).body.state).toBe('DISMISSED');
  });

  it('retries all of a cause', async () => {
    const ids = [await failedTask('one cause'), await failedTask('one cause')];
    await open('#/failed');
    const group = page.getByRole('row').filter({ hasText: 'Retry all' });
    expect(await page.getByRole('columnheader', { name: 'Total' }).count()).toBe(0);
    const asked = new Promise<string>((resolve) =>
      page.once('dialog', (dialog) => {
        resolve(dialog.message());
        void dialog.accept();
      }),
    );
    await group.getByRole('button', { name: 'Retry all' }).click();
    expect(await asked).toMatch(/^Retry \d+ failed tasks\?$/);
    await said('Retry all: done');
    for (const id of ids)
      await waitFor('its retry', async () => (await web.get(`/failed-tasks/${id}`)).body.state === 'RETRIED');
  });

  it('shows how far a task is, and cancels it', async () => {
    const gate = gateOf('seen in the browser');
    const id = await web.enqueue('test.steps', { name: 'seen in the browser' });
    await open(`#/tasks/${id}`);
    await page.getByText('STARTED', { exact: true }).waitFor();
    gate.half.resolve();
    await page.getByText('half way').waitFor(); // it looks again by itself
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('50');

    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('CANCELLED', { exact: true }).waitFor();
    expect((await web.ended(id)).status).toBe('CANCELLED');
  });

  it('finds tasks by what the form says, and goes to the older ones', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 60; n++)
      ids.push(await web.enqueue('test.echo', { text: 'one of many' }, { key: 'many' }));
    await Promise.all(ids.map((id) => web.ended(id)));
    await open('#/tasks');
    await page.getByPlaceholder('key', { exact: true }).fill('many');
    await page.getByRole('combobox').selectOption('FINISHED');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/#\/tasks\?status=FINISHED&key=many/);
    await waitFor('the newest', async () => (await page.getByRole('row').count()) === 51);
    await page.getByRole('link', { name: 'Older tasks' }).click();
    await page.getByRole('link', { name: ids[0] ?? '' }).waitFor();
    expect(await page.getByRole('row').count()).toBe(11);
  });

  it('pauses a queue and says who did', async () => {
    await open('#/overview');
    page.once('dialog', (dialog) => void dialog.accept());
    const queue = page.getByRole('row', { name: /^high/ });
    await queue.getByRole('button', { name: 'Pause' }).click();
    await queue.getByText('paused by').waitFor();
    await queue.getByRole('button', { name: 'Resume' }).click();
    await queue.getByRole('button', { name: 'Pause' }).waitFor();
  });

  // Proven: without the line that takes it away, it stays.
  it('says that the server is away, and no more when it is back', async () => {
    await open('#/overview');
    await page.getByRole('row', { name: /^high/ }).waitFor();
    await page.context().setOffline(true);
    await page.getByRole('link', { name: 'Schedules' }).click();
    await said('Failed to fetch');
    await page.context().setOffline(false);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('status').filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  });

  // Proven: when only fields hold it up, the button is replaced under the focus, and the field before it is empty again.
  it('leaves what somebody has tabbed to as it is', async () => {
    await page.clock.install();
    await open('#/tasks');
    await page.getByPlaceholder('key', { exact: true }).fill('typed');
    for (let field = 0; field < 2; field++) await page.keyboard.press('Tab');
    await page.evaluate(
      'asked = 0; look = fetch; fetch = (...request) => { asked++; return look(...request); }',
    );
    await page.clock.runFor(10_000);
    expect(await page.evaluate('[document.activeElement.textContent, asked]')).toEqual(['Show', 0]);
    await page.keyboard.press('Enter');
    await page.waitForURL(/#\/tasks\?key=typed/);
    await waitFor('the tasks', () =>
      page.evaluate('asked === 1 && document.activeElement === document.body'),
    );
    await page.clock.runFor(3_000);
    expect(await page.evaluate('asked')).toBe(2); // it looks again by itself
  });

  it('leaves nothing of the page before where something else could not be shown', async () => {
    const id = await failedTask('shown before');
    await open(`#/failed/${id}`);
    await page.getByRole('button', { name: 'Retry' }).waitFor();
    await page.goto(`${web.url}/admin#/failed/${newId()}`);
    await said('There is no failed task');
    expect(await page.getByRole('button', { name: 'Retry' }).count()).toBe(0);
  });

  it('goes on to what does not fit on a page', async () => {
    const older = (await failedTask('the older one')).slice(-12);
    const newer = (await failedTask('the newer one')).slice(-12);
    for (const name of ['first', 'second'])
      await web.call('PUT', `/schedules/${name}`, {
        json: { job: 'test.echo', payload: { text: 'x' }, cron: '0 0 1 1 *' },
      });
    await open('#/failed?limit=1');
    await page.getByRole('link', { name: newer }).waitFor();
    await page.getByRole('link', { name: 'Older failed tasks' }).click();
    await page.getByRole('link', { name: older }).waitFor();
    await page.goto(`${web.url}/admin#/schedules?limit=1`);
    await page.getByRole('cell', { name: 'first' }).waitFor();
    await page.getByRole('link', { name: 'More schedules' }).click();
    await page.getByRole('cell', { name: 'second' }).waitFor();
    expect(await page.getByRole('link', { name: 'More schedules' }).count()).toBe(0);
  });

  it('names every field, and has nothing read out that it only looked at again', async () => {
    await open('#/tasks');
    await page.getByRole('combobox', { name: 'status' }).waitFor();
    for (const name of ['job', 'queue', 'key', 'id or idempotency key'])
      await page.getByLabel(name, { exact: true }).waitFor();
    expect(await page.locator('[aria-live]').count()).toBe(0);
  });

  it('keeps the buttons in sight beside a message of one long word', async () => {
    const id = await failedTask('x'.repeat(5_000));
    await open('#/failed');
    await page.getByRole('link', { name: /^x{299}…$/ }).waitFor();
    for (const hash of ['#/failed', `#/failed/${id}`]) {
      await page.goto(`${web.url}/admin${hash}`);
      await page.getByRole('cell', { name: 'xxx' }).first().waitFor();
      expect(await page.evaluate('document.querySelector("#page").scrollWidth <= innerWidth')).toBe(true);
    }
  });

  it('tells a viewer why not', async () => {
    const id = await failedTask('out of reach');
    await open(`#/failed/${id}`, VIEWER);
    await page.getByRole('button', { name: 'Retry' }).click();
    await said('viewer');
    expect((await web.get(`/failed-tasks/${id}`)).body.state).toBe('OPEN');
  });

  // Proven: with `innerHTML` in `element` the picture is there, and the browser tries to run its code.
  it('shows what jobs say as text, whatever it looks like', async () => {
    const id = await failedTask(PICTURE);
    await open('#/overview');
    for (const hash of ['#/failed', '#/tasks?job=test.fail', `#/failed/${id}`]) {
      await page.goto(`${web.url}/admin${hash}`);
      await page
        .getByText(hash.startsWith('#/tasks') ? 'test.fail' : PICTURE)
        .first()
        .waitFor();
      expect(await page.locator('#page img').count()).toBe(0);
    }
    expect(await page.title()).toBe('Shiftwork');
  });
});
