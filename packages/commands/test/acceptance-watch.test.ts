import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRoutes } from './routes-env.ts';

test('the stream of a command ends with it, and who comes back after its end is told not to', async () => {
  await using env = await startRoutes();
  await env.post('/command/process', { taskId: 'w-1', taskType: 'ECHO' });
  const whole = await env.get('/commands/w-1/events');
  const ids = [...whole.text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id as string);
  assert.match(whole.text, /command\.succeeded/);
  const again = await env.get('/commands/w-1/events', { 'last-event-id': ids.at(-1) as string });
  assert.equal(again.status, 204);
  assert.equal((await env.get(`/commands/w-1/events?lastEventId=${ids.at(-1)}`)).status, 204);
  const earlier = await env.get('/commands/w-1/events', { 'last-event-id': ids[0] as string });
  assert.equal(earlier.status, 200);
  assert.match(earlier.text, /command\.succeeded/);
  const unknown = await env.get('/commands/w-1/events', { 'last-event-id': 'nonsense' });
  assert.match(unknown.text, /event: reset/);
});

test('after a retry the stream goes on where it had ended', async () => {
  await using env = await startRoutes();
  await env.post('/command/process', { taskId: 'w-2', taskType: 'BROKEN' });
  const first = await env.get('/commands/w-2/events');
  const last = [...first.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] as string;
  await env.post('/commands/w-2/retry');
  await env.get('/commands/w-2?wait=5');
  const second = await env.get('/commands/w-2/events', { 'last-event-id': last });
  assert.equal(second.status, 200);
  assert.match(second.text, /command\.queued[\s\S]*command\.failed/);
});
