import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, tempDir } from '@millrace/testkit';
import { startServer } from './acceptance-env.ts';

const EVERY_SECOND = { cron: '* * * * * *', command: { taskType: 'ECHO', payload: { from: 'cron' } } };
const YEARLY = { cron: '30 2 29 3 *', timeZone: 'Europe/Berlin', command: { taskType: 'ECHO' } };

test('schedules are created, read, listed, replaced, changed and deleted over HTTP', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  const { send } = server;
  const created = await send('POST', '/schedules', { scheduleId: 'yearly', ...YEARLY });
  assert.deepEqual([created.status, created.headers.get('location')], [201, '/schedules/yearly']);
  assert.match(created.body.nextAt, /-03-29T0[01]:30:00/, 'half past two in Berlin, in either half of the year');
  assert.equal((await send('POST', '/schedules', { scheduleId: 'yearly', ...YEARLY })).status, 409);
  assert.equal((await send('PUT', '/schedules/other', YEARLY)).status, 201);
  assert.equal((await send('PUT', '/schedules/other', { ...YEARLY, missed: 'run-once' })).status, 200);
  assert.equal((await send('GET', '/schedules/other')).body.missed, 'run-once');
  const page = await send('GET', '/schedules?limit=1');
  assert.equal(page.body.items.length, 1);
  const rest = await send('GET', `/schedules?cursor=${encodeURIComponent(page.body.nextCursor)}`);
  assert.deepEqual([rest.body.items.length, rest.body.nextCursor], [1, null]);
  const changed = await send('PATCH', '/schedules/other', { cron: '0 0 1 1 *' });
  assert.deepEqual([changed.body.cron, changed.body.timeZone], ['0 0 1 1 *', 'Europe/Berlin']);
  const paused = await send('POST', '/schedules/other/pause');
  assert.deepEqual([paused.body.enabled, paused.body.nextAt], [false, null]);
  assert.equal((await send('POST', '/schedules/other/resume')).body.enabled, true);
  const run = await send('POST', '/schedules/other/run');
  assert.equal(run.status, 202);
  const fired = await send('GET', `${run.headers.get('location')}?wait=5`);
  assert.deepEqual([fired.body.status, fired.body.correlationId], ['SUCCESS', 'other']);
  assert.equal((await send('DELETE', '/schedules/other')).status, 204);
  assert.equal((await send('GET', '/schedules/other')).status, 404);
});

test('a schedule that could never fire is refused and changes nothing', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  const { send } = server;
  const faulty = [
    { ...YEARLY, cron: 'every day' },
    { ...YEARLY, cron: '61 * * * *' },
    { ...YEARLY, timeZone: 'Mars/Olympus' },
    { ...YEARLY, missed: 'sometimes' },
    { ...YEARLY, surprise: 1 },
    { ...YEARLY, command: { taskType: 'NOBODY' } },
    { ...YEARLY, scheduleId: 'not an id' },
    { cron: '* * * * *' },
  ];
  for (const body of faulty) {
    const refused = await send('POST', '/schedules', body);
    assert.equal(refused.status, 400, `${JSON.stringify(body)}: ${refused.text}`);
    assert.equal(typeof refused.body.error.message, 'string');
  }
  assert.deepEqual((await send('GET', '/schedules')).body.items, []);
});

test('every tick fires one command, named after the schedule and the second', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  const { send } = server;
  await send('POST', '/schedules', { scheduleId: 'tick', ...EVERY_SECOND });
  const items = await eventually(
    async () => {
      const { body } = await send('GET', '/commands?correlationId=tick&status=SUCCESS');
      assert.ok(body.items.length >= 2);
      return body.items as { taskId: string; createdAt: string; result: unknown }[];
    },
    { withinMs: 10_000 },
  );
  await send('POST', '/schedules/tick/pause');
  for (const { taskId } of items) assert.match(taskId, /^tick-\d{10}$/);
  assert.equal(new Set(items.map(({ taskId }) => taskId)).size, items.length);
  const { body } = await send('GET', `/commands/${items[0]?.taskId}`);
  assert.deepEqual(body.result, { from: 'cron' });
});
