// The dashboard: one page over the REST surface, and nothing that a curl could not do.
// What comes from the server is put into the page as text, never as HTML.

const TOKEN = 'shiftwork.token';
const LOOK_EVERY_MS = 3000;
const page = document.querySelector('#page');
const state = document.querySelector('#state');
const signIn = document.querySelector('#sign-in');
const signOut = document.querySelector('#sign-out');

// --- REST ---------------------------------------------------------------------------------------------------------

async function call(method, path, body) {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(path, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (response.status === 401) {
    if (token === sessionStorage.getItem(TOKEN)) askForToken(); // else somebody has signed in since
    throw new Error('Sign in first');
  }
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer?.detail ?? response.statusText);
  return answer;
}

const get = (path) => call('GET', path);

function query(filter) {
  const given = Object.entries(filter).filter(([, value]) => value);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

// --- Elements -----------------------------------------------------------------------------------------------------

function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A heading over numbers. */
const numeric = (text) => ({ className: 'number', textContent: text });
const number = (value) => element('td', { className: 'number', textContent: String(value ?? '?') });
const cell = (...children) => element('td', {}, ...children);
/** What somebody else wrote, however long its words are. */
const words = (...children) => element('td', { className: 'words' }, ...children);
/** For lists: the whole of it is on a page of its own. */
const brief = (text) => (text.length > 300 ? `${text.slice(0, 299)}…` : text);
const status = (value) => element('span', { className: value, textContent: value });
const link = (href, text) => element('a', { href, textContent: text });
const json = (value) => element('pre', { textContent: JSON.stringify(value, null, 2) });

function table(headings, rows, nothing) {
  const empty = element(
    'tr',
    {},
    element('td', { className: 'empty', colSpan: headings.length, textContent: nothing }),
  );
  return element(
    'table',
    {},
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        ...headings.map((heading) => element('th', heading.textContent ? heading : { textContent: heading })),
      ),
    ),
    element('tbody', {}, ...(rows.length === 0 ? [empty] : rows.map((cells) => element('tr', {}, ...cells)))),
  );
}

function section(title, ...children) {
  return element('section', {}, element('h2', { textContent: title }), ...children);
}

/** The way to what did not fit on the page. */
function onward(text, { nextCursor }, address) {
  return nextCursor ? link(address(nextCursor), text) : null;
}

/** A button that does something on the server, says what came of it, and shows the page anew. */
function action(text, act, question) {
  const button = element('button', { type: 'button', textContent: text });
  button.addEventListener('click', async () => {
    if (question && !confirm(question)) return;
    button.disabled = true;
    try {
      const done = await act();
      say(typeof done === 'string' ? done : `${text}: done`);
    } catch (error) {
      say(error.message);
    }
    await show();
  });
  return button;
}

function say(text) {
  state.textContent = text;
}

function ago(instant) {
  if (!instant) return '';
  const seconds = Math.round((Date.now() - Date.parse(instant)) / 1000);
  const amount = Math.abs(seconds);
  const [value, unit] =
    amount < 90
      ? [amount, 's']
      : amount < 5400
        ? [Math.round(amount / 60), 'min']
        : amount < 129600
          ? [Math.round(amount / 3600), 'h']
          : [Math.round(amount / 86400), 'd'];
  return element('time', {
    dateTime: instant,
    title: instant,
    textContent: seconds < 0 ? `in ${value} ${unit}` : `${value} ${unit} ago`,
  });
}

function progress(task) {
  if (task.status !== 'STARTED') return status(task.status);
  return element(
    'span',
    {},
    status(task.status),
    ' ',
    element('progress', { ariaLabel: 'progress', max: 100, value: task.progress.percent }),
    ` ${task.progress.message ?? ''}`,
  );
}

// --- Pages --------------------------------------------------------------------------------------------------------

async function overview() {
  const [queues, processes] = await Promise.all([get('queues?limit=200'), get('processes?limit=200')]);
  return [
    section(
      'Queues',
      table(
        [
          'Queue',
          ...['Waiting', 'Oldest', 'Running', 'Scheduled', 'Retrying', 'Workers', 'Slots'].map(numeric),
          '',
        ],
        queues.items.map((queue) => [
          cell(
            link(`#/tasks?queue=${encodeURIComponent(queue.name)}`, queue.name),
            queue.paused ? ` paused by ${queue.pausedBy}` : '',
          ),
          number(queue.backlog),
          number(`${(queue.latency / 1000).toFixed(1)} s`),
          number(queue.running),
          number(queue.scheduled),
          number(queue.retrying),
          number(queue.workers),
          number(queue.slots),
          cell(
            queue.paused
              ? action('Resume', () => call('POST', `queues/${encodeURIComponent(queue.name)}/resume`))
              : action(
                  'Pause',
                  () => call('POST', `queues/${encodeURIComponent(queue.name)}/pause`),
                  `Pause the queue ${queue.name}?`,
                ),
          ),
        ]),
        'No queue',
      ),
    ),
    section(
      'Processes',
      table(
        ['Process', 'Roles', 'Host', 'Release', 'State', 'Since', 'Running'],
        processes.items.map((process) => [
          cell(element('code', { textContent: process.id.slice(-12) })),
          cell(process.roles.join(', ')),
          cell(`${process.host} (${process.pid})`),
          cell(process.release),
          cell(status(process.state)),
          cell(ago(process.bootedAt)),
          cell(
            ...process.running.flatMap((run) => [
              link(`#/tasks/${run.task}`, run.job),
              ' ',
              ago(run.since),
              element('br'),
            ]),
          ),
        ]),
        'No process is alive',
      ),
    ),
  ];
}

const STATUSES = ['', 'SCHEDULED', 'QUEUED', 'STARTED', 'RETRYING', 'FINISHED', 'FAILED', 'CANCELLED'];

async function tasks(filter) {
  const list = await get(`tasks${query(filter)}`);
  const select = element(
    'select',
    { name: 'status', ariaLabel: 'status' },
    ...STATUSES.map((value) =>
      element('option', {
        value,
        textContent: value || 'any status',
        selected: value === (filter.status ?? ''),
      }),
    ),
  );
  const input = (name, placeholder) =>
    element('input', { name, placeholder, ariaLabel: placeholder, value: filter[name] ?? '' });
  const form = element(
    'form',
    { className: 'filter' },
    select,
    input('job', 'job'),
    input('queue', 'queue'),
    input('key', 'key'),
    input('q', 'id or idempotency key'),
    element('button', { textContent: 'Show' }),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `#/tasks${query(Object.fromEntries(new FormData(form)))}`;
  });
  return [
    form,
    table(
      ['Task', 'Job', 'Queue', 'Status', numeric('Attempts'), 'Accepted', 'Ended'],
      list.items.map((task) => [
        cell(link(`#/tasks/${task.id}`, task.id)),
        cell(task.job),
        cell(task.queue),
        words(progress(task)),
        number(`${task.attempts.made}/${task.attempts.max}`),
        cell(ago(task.createdAt)),
        cell(ago(task.finishedAt)),
      ]),
      'No task fits',
    ),
    onward('Older tasks', list, (cursor) => `#/tasks${query({ ...filter, cursor })}`),
  ];
}

async function oneTask(id) {
  const [task, logs] = await Promise.all([get(`tasks/${id}`), get(`tasks/${id}/logs?limit=200`)]);
  const ended = task.finishedAt !== null;
  const waits = task.status === 'SCHEDULED' || task.status === 'RETRYING';
  const again = async () => {
    location.hash = `#/tasks/${(await call('POST', `tasks/${id}/again`)).id}`;
  };
  return [
    section(
      `${task.job}`,
      element(
        'p',
        {},
        progress(task),
        ` in ${task.queue}, execution ${task.execution}, attempts ${task.attempts.made} of ${task.attempts.max}, interruptions ${task.interruptions}`,
      ),
      element(
        'div',
        { className: 'actions' },
        ended
          ? action('Run again', again)
          : action('Cancel', () => call('POST', `tasks/${id}/cancel`), 'Cancel this task?'),
        waits ? action('Run now', () => call('POST', `tasks/${id}/promote`)) : null,
      ),
    ),
    task.error
      ? section(
          'Error',
          element('p', { textContent: `${task.error.name}: ${task.error.message}` }),
          element('pre', { textContent: task.error.stack ?? '' }),
        )
      : null,
    section('Payload', json(task.payload)),
    task.result === null ? null : section('Result', json(task.result)),
    task.checkpoint === null ? null : section('Checkpoint', json(task.checkpoint)),
    section('Executions', executions(task.executions)),
    section(
      'Log',
      element('pre', {
        textContent:
          logs.items.map((line) => `${line.at} ${line.level} ${line.message}`).join('\n') ||
          'Nothing was logged',
      }),
    ),
  ];
}

function executions(runs) {
  return table(
    [numeric('Number'), 'Outcome', 'Worker', 'Release', 'Started', 'Ended', 'Error'],
    runs.map((run) => [
      number(run.number),
      cell(run.outcome),
      cell(element('code', { textContent: run.worker?.slice(-12) ?? '' })),
      cell(run.release ?? ''),
      cell(ago(run.startedAt)),
      cell(ago(run.endedAt)),
      words(run.error?.message ?? ''),
    ]),
    'None has ended',
  );
}

async function failed({ causes, ...filter }) {
  const [groups, list] = await Promise.all([
    get(`failed-tasks/groups${query({ state: 'OPEN', cursor: causes })}`),
    get(`failed-tasks${query(filter)}`),
  ]);
  return [
    section(
      'Open, by cause',
      table(
        ['Job', 'Message', numeric('Open'), 'Last', ''],
        groups.items.map((group) => [
          cell(group.job),
          words(link(`#/failed?fingerprint=${encodeURIComponent(group.fingerprint)}`, brief(group.message))),
          number(group.open),
          cell(ago(group.lastAt)),
          cell(
            element(
              'div',
              { className: 'actions' },
              action(
                'Retry all',
                () => call('POST', 'failed-tasks/retry', { filter: { fingerprint: group.fingerprint } }),
                `Retry ${group.open} failed tasks?`,
              ),
              action(
                'Dismiss all',
                () => call('POST', 'failed-tasks/dismiss', { filter: { fingerprint: group.fingerprint } }),
                `Dismiss ${group.open} failed tasks?`,
              ),
            ),
          ),
        ]),
        'Nothing failed for good',
      ),
      onward('More causes', groups, (cursor) => `#/failed${query({ ...filter, causes: cursor })}`),
    ),
    section(
      'Failed tasks',
      table(
        ['Failed task', 'Job', 'State', 'Kind', 'Error', 'Failed', ''],
        list.items.map((each) => [
          cell(link(`#/failed/${each.id}`, each.id.slice(-12))),
          cell(each.job),
          cell(status(each.state)),
          cell(each.kind),
          words(brief(each.error?.message ?? '')),
          cell(ago(each.failedAt)),
          cell(whatMayBeDone(each)),
        ]),
        'No failed task fits',
      ),
      onward('Older failed tasks', list, (cursor) => `#/failed${query({ ...filter, causes, cursor })}`),
    ),
  ];
}

/** Where the mails to the admins lead. */
async function oneFailed(id) {
  const failure = await get(`failed-tasks/${id}`);
  return [
    section(
      failure.job,
      element(
        'p',
        {},
        status(failure.state),
        ` (${failure.kind}) in ${failure.queue}, failed `,
        ago(failure.failedAt),
        failure.handledBy ? `, handled by ${failure.handledBy}` : '',
        ': ',
        link(`#/tasks/${failure.task}`, 'the task'),
        ', ',
        link(`#/failed?fingerprint=${encodeURIComponent(failure.fingerprint)}`, 'all of this cause'),
      ),
      whatMayBeDone(failure),
    ),
    section(
      'Error',
      element('p', { textContent: `${failure.error.name}: ${failure.error.message}` }),
      element('pre', { textContent: failure.error.stack ?? '' }),
    ),
    section('Payload', json(failure.payload)),
    section('Attempts', executions(failure.attempts)),
    section(
      'What was done about it',
      table(
        ['When', 'Who', 'What', 'Why'],
        failure.audit.map((each) => [
          cell(ago(each.at)),
          cell(each.who),
          cell(each.action),
          words(each.reason ?? ''),
        ]),
        'Nothing yet',
      ),
    ),
  ];
}

function whatMayBeDone(failure) {
  if (failure.state === 'OPEN')
    return element(
      'div',
      { className: 'actions' },
      action('Retry', () => call('POST', `failed-tasks/${failure.id}/retry`)),
      action('Dismiss', () => dismiss(failure.id)),
    );
  return failure.retriedAs ? link(`#/tasks/${failure.retriedAs}`, 'its retry') : '';
}

async function dismiss(id) {
  const reason = prompt('Why?');
  if (reason === null) return 'Not dismissed'; // there would be no way back
  await call('POST', `failed-tasks/${id}/dismiss`, { reason: reason || undefined });
}

async function schedules(filter) {
  const list = await get(`schedules${query({ limit: 200, ...filter })}`);
  return [
    section(
      'Schedules',
      table(
        ['Schedule', 'Job', 'When', 'Next', 'Last', ''],
        list.items.map((each) => [
          cell(each.name),
          cell(each.job),
          cell(
            each.cron ?? (each.every ? `every ${each.every} ms` : each.at),
            each.cron ? ` (${each.timeZone})` : '',
          ),
          cell(each.enabled ? ago(each.nextAt) : 'paused'),
          cell(each.last ? `${each.last.outcome} ` : '', each.last ? ago(each.last.dueAt) : ''),
          cell(
            element(
              'div',
              { className: 'actions' },
              action('Run now', () => call('POST', `schedules/${encodeURIComponent(each.name)}/run`)),
              action(each.enabled ? 'Pause' : 'Resume', () =>
                call(
                  'POST',
                  `schedules/${encodeURIComponent(each.name)}/${each.enabled ? 'pause' : 'resume'}`,
                ),
              ),
            ),
          ),
        ]),
        'Nothing is scheduled',
      ),
      onward('More schedules', list, (cursor) => `#/schedules${query({ ...filter, cursor })}`),
    ),
  ];
}

// --- Showing ------------------------------------------------------------------------------------------------------

function route() {
  const [path, search] = location.hash.replace(/^#\//, '').split('?');
  const [name, id] = path.split('/');
  const filter = Object.fromEntries(new URLSearchParams(search ?? ''));
  if (name === 'tasks') return id ? () => oneTask(id) : () => tasks(filter);
  if (name === 'failed') return id ? () => oneFailed(id) : () => failed(filter);
  if (name === 'schedules') return () => schedules(filter);
  return overview;
}

let shown = 0;
/** The address of what the page shows. */
let place = '';
/** Why nothing could be shown; it goes as soon as something can. */
let trouble = '';

async function show() {
  const turn = ++shown;
  const wanted = location.hash;
  signOut.hidden = !sessionStorage.getItem(TOKEN);
  for (const each of document.querySelectorAll('nav a')) {
    if (location.hash.startsWith(each.hash)) each.setAttribute('aria-current', 'page');
    else each.removeAttribute('aria-current');
  }
  try {
    const content = await route()();
    if (turn !== shown) return;
    page.replaceChildren(...content.filter(Boolean));
    place = wanted;
    if (state.textContent === trouble) say('');
  } catch (error) {
    if (turn !== shown) return;
    if (place !== wanted) page.replaceChildren();
    trouble = error.message;
    say(trouble);
  }
}

// Nothing moves under the hands of somebody who types, tabs or marks text, or in a tab that nobody sees.
function mayRefresh() {
  return (
    !document.hidden &&
    !signIn.open &&
    getSelection().isCollapsed &&
    !page.querySelector(':focus-visible, input:focus, select:focus')
  );
}

// The cookie is for an EventSource, which can send no header; nothing but the events of tasks takes it.
function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
  keepCookie(encodeURIComponent(token));
}

function forgetToken() {
  sessionStorage.removeItem(TOKEN);
  keepCookie('; Max-Age=0');
}

function keepCookie(value) {
  const { href, protocol } = location;
  const path = new URL('tasks', href).pathname;
  const secure = protocol === 'https:' ? '; Secure' : '';
  document.cookie = `shiftwork-token=${value}; Path=${path}; SameSite=Strict${secure}`;
}

function askForToken() {
  forgetToken();
  page.replaceChildren();
  if (!signIn.open) signIn.showModal();
}

signIn.addEventListener('close', () => {
  const input = document.querySelector('#token');
  if (input.value) keepToken(input.value);
  input.value = '';
  say('');
  void show();
});
signOut.addEventListener('click', askForToken);
addEventListener('hashchange', show);
setInterval(() => {
  if (mayRefresh()) void show();
}, LOOK_EVERY_MS);
if (!location.hash) location.hash = '#/overview';
void show();
