import { afterEach, describe, expect, it } from 'vitest';
import { RequestsInFlight } from '../../../src/http/requests-in-flight.js';
import { Shutdown } from '../../../src/lifecycle/index.js';
import { waitFor, within } from '../../support/wait.js';
import { SseClient } from './sse-client.js';
import { ADMIN, VIEWER, Web } from './web.fixture.js';

let web: Web | undefined;
afterEach(() => web?.stop());

describe('the web that is told to stop', () => {
  it('ends its streams and long polls, says that it is not ready, and finishes what it was asked', async () => {
    web = await Web.start(['web']);
    const current = web;
    const id = await current.enqueue('test.echo', { text: 'nobody runs it' });
    const stream = await SseClient.open(`${current.url}/tasks/${id}/events`, ADMIN);
    await waitFor('the first event', () => stream.events.length > 0);
    const poll = current.get(`/tasks/${id}?wait=25`);
    await waitFor('the poll', () => current.app.get(RequestsInFlight).count === 1);

    // The closing step is the last one: everything before it happens while the server still answers.
    let readiness: unknown;
    const exitCode = await within(
      'the shutdown',
      current.app.get(Shutdown).run(async () => {
        readiness = (await current.get('/health/ready', { token: null })).body;
        await current.app.close();
      }, 'SIGTERM'),
    );

    expect(exitCode).toBe(0);
    expect(readiness).toEqual({ status: 'down', checks: { postgres: 'up', redis: 'up', state: 'quiet' } });
    // Proven: without openEnds.end() in web-drainable.ts neither of the two ends, and the close hangs until the grace is over.
    await within('the end of the stream', stream.ended);
    expect((await poll).status).toBe(200);
  });
});

describe('who may read what, outside of development', () => {
  it('metrics and the documentation want a viewer in production', async () => {
    web = await Web.start(['web'], { NODE_ENV: 'production' });
    for (const path of ['/metrics', '/docs', '/docs-json']) {
      expect((await web.get(path, { token: null })).status).toBe(401);
      expect((await web.get(path, { token: VIEWER })).status).toBe(200);
    }
    expect((await web.get('/health/live', { token: null })).status).toBe(200);
  });
});
