import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, requireOrSkip } from '@millrace/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { assertRefused, startRoutes } from './routes-env.ts';

const { path: executablePath, skip } = requireOrSkip('chromium');
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
let browser: Browser | undefined;

before(async () => {
  if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args, headless: true });
});
after(() => browser?.close());

/** Opens a page that remembers what it complained about. */
async function openPage(url: string): Promise<{ page: Page; complaints: string[] } & AsyncDisposable> {
  const page = await (browser as Browser).newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText ?? ''}`));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => page.close() };
}

async function shows(page: Page, selector: string, expected: string | RegExp): Promise<void> {
  await eventually(async () => {
    const text = (await page.textContent(selector)) ?? '';
    if (typeof expected === 'string') assert.equal(text, expected);
    else assert.match(text, expected);
  });
}

test('the page shows numbers that change as commands come and go', { skip }, async () => {
  await using env = await startRoutes();
  await using opened = await openPage(env.url);
  const { page, complaints } = opened;
  await shows(page, '#state', 'live');
  await shows(page, '#depth', '0');
  assert.equal(await page.isVisible('#calm'), true);
  await env.post('/commands/types/TYPED/pause');
  const waiting = Array.from({ length: 7 }, () => ({ taskType: 'TYPED', payload: { count: 1 } }));
  const ended = Array.from({ length: 40 }, (_, index) => ({ taskType: 'ECHO', payload: index }));
  await env.post('/commands/batch', [...waiting, ...ended, { taskType: 'GATED' }]);
  await env.post('/command/process', { taskId: 'broken-1', taskType: 'BROKEN' });
  await shows(page, '#depth', '7');
  await shows(page, '#active', '1');
  await shows(page, '[data-status="SUCCESS"] b', '40');
  await shows(page, '[data-status="FAILURE"] b', '1');
  await shows(page, '#failures', /BROKENbroken-1PROCESSING_ERROR: It never works\./);
  await shows(page, '[data-type="TYPED"]', /paused7/);
  await shows(page, '#p50', /ms/);
  await shows(page, '#rate', /[1-9]/);
  await env.post('/commands/types/TYPED/resume');
  await shows(page, '#depth', '0');
  await shows(page, '[data-status="SUCCESS"] b', '47');
  assert.deepEqual(complaints, []);
});

test('with a key configured the page asks for it and keeps it for the tab', { skip }, async () => {
  await using env = await startRoutes({ http: { auth: { apiKey: 'a-key-of-the-house' } } });
  await using opened = await openPage(env.url);
  const { page } = opened;
  await page.fill('#key', 'wrong');
  await page.click('#ask button');
  await shows(page, '#refusal', /does not open/);
  await page.fill('#key', 'a-key-of-the-house');
  await page.click('#ask button');
  await shows(page, '#state', 'live');
  await page.reload();
  await shows(page, '#state', 'live');
  assert.equal(await page.isVisible('#ask'), false);
  assert.equal(await page.isVisible('nav a[href="/metrics"]'), false);
});

test('the page loads only its own files and shows numbers to nobody without the key', async () => {
  await using env = await startRoutes({ http: { auth: { apiKey: 'a-key-of-the-house' } } });
  const answer = await env.get('/');
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
  assert.doesNotMatch(answer.text, /https?:\/\//);
  assert.doesNotMatch(answer.text, /<script>|style=|onclick/);
  assertRefused(await env.get('/page/events'), 401, 'UNAUTHORIZED');
});
