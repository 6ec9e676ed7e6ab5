import { afterAll, beforeAll, expect, it } from 'vitest';
import { Web } from './web.fixture.js';

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web']);
});
afterAll(() => web.stop());

it('the dashboard is a page whose files are all there, and which may load nothing else', async () => {
  const page = await fetch(`${web.url}/admin`);
  const html = await page.text();
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");

  const files = [...html.matchAll(/(?:src|href)="(admin\/[^"]+)"/g)].map((match) => match[1] ?? '');
  expect(files.sort()).toEqual(['admin/app.js', 'admin/style.css']);
  for (const file of files) expect((await fetch(`${web.url}/${file}`)).status).toBe(200);
});

// Proven: counted by its name instead of its slashes, a path with one at its end leads one folder too deep.
it('the links of the mails lead to the page, wherever it is mounted', async () => {
  for (const [path, hash] of [
    ['failed-tasks/0192-x', '#/failed/0192-x'],
    ['failed-tasks', '#/failed'],
    ['failed-tasks/', '#/failed'],
    ['failed-tasks/0192-x/?from=mail', '#/failed/0192-x'],
    ['queues', '#/overview'],
    ['processes', '#/overview'],
    ['tasks', '#/tasks'],
    ['schedules', '#/schedules'],
  ]) {
    const { status, headers } = await fetch(`${web.url}/admin/${String(path)}`, { redirect: 'manual' });
    expect(status).toBe(302);
    const to = new URL(headers.get('location') ?? '', `${web.url}/admin/${String(path)}`);
    expect([to.pathname, to.hash]).toEqual(['/admin', hash]);
    expect((await fetch(`${web.url}/admin/${String(path)}`)).status).toBe(200);
  }
});

// Proven: without the redirect the page is there, and none of its files.
it('the dashboard with a slash at its end leads to the one without', async () => {
  const page = await fetch(`${web.url}/admin/`);
  expect([page.status, new URL(page.url).pathname]).toEqual([200, '/admin']);
});

it('nothing outside of its folder is served', async () => {
  for (const path of ['/admin/index.html', '/admin/..%2fadmin.module.js', '/admin/nothing']) {
    expect((await web.get(path, { token: null })).status).toBe(404);
  }
});
