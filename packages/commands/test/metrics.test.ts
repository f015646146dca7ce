import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@millrace/engines/store';
import { createMetrics } from '@millrace/http';
import { defineCommand } from '@millrace/kit';
import { eventually } from '@millrace/testkit';
import { Registry } from 'prom-client';
import { COMMAND_METRICS, commandsSchema, createCommandMetrics, createCommands } from '../src/index.ts';
import { startRoutes } from './routes-env.ts';

/** A server whose commands are counted. */
async function startCounted() {
  const process = createMetrics();
  const metrics = createCommandMetrics(process.registry);
  const store = createMemoryStore({ schemas: [commandsSchema], onCommit: metrics.onCommit });
  const env = await startRoutes({
    store,
    http: { registry: process.registry },
    commands: { observer: metrics.observer },
    setUp: ({ commands }) => metrics.observe({ commands, store }),
  });
  const scrape = async (): Promise<ReadonlyMap<string, number>> => {
    const { text } = await env.get('/metrics');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
  };
  return { env, scrape };
}

test('every terminal state is counted once, by type', async () => {
  const { env, scrape } = await startCounted();
  await using _ = env;
  await env.post('/command/process', { taskId: 'ok', taskType: 'ECHO' });
  await env.post('/command/process', { taskId: 'ok', taskType: 'ECHO' });
  await env.post('/command/process', { taskId: 'bad', taskType: 'BROKEN' });
  await env.post('/commands', { taskId: 'late', taskType: 'ECHO', delay: 60_000 });
  await env.post('/commands', { taskId: 'off', taskType: 'ECHO', delay: 60_000 });
  await env.post('/commands/off/cancel');
  const past = { taskId: 'old', taskType: 'GATED', expiresAt: '2020-01-01T00:00:00Z' };
  await env.post('/commands', past);
  await eventually(async () => assert.equal((await env.get('/commands/old')).body.status, 'EXPIRED'));
  const series = await scrape();
  const total = (status: string, type: string) =>
    series.get(`command_processing_total{status="${status}",task_type="${type}"}`);
  assert.equal(total('success', 'ECHO'), 1);
  assert.equal(total('cancelled', 'ECHO'), 1);
  assert.equal(total('failed', 'BROKEN'), 1);
  assert.equal(total('expired', 'GATED'), 1);
  assert.equal(total('partial_success', 'TYPED'), 0);
  assert.equal(series.get('command_dead_letters_total{task_type="BROKEN"}'), 1);
  assert.equal(series.get('command_scheduled_depth'), 1);
  assert.equal(series.get('command_queue_depth'), 0);
  assert.equal(series.get('command_processing_duration_seconds_count{task_type="ECHO"}'), 1);
  assert.equal(series.get('command_processing_duration_seconds_bucket{le="0.1",task_type="ECHO"}'), 1);
  assert.ok((series.get('command_batch_size_count') ?? 0) > 3);
  assert.ok((series.get('store_commit_seconds_count') ?? 0) > 3);
});

test('depth, activity and age follow what waits and what runs', async () => {
  const { env, scrape } = await startCounted();
  await using _ = env;
  await env.post('/commands/types/ECHO/pause');
  await env.post('/commands', { taskId: 'w-1', taskType: 'ECHO' });
  await env.post('/commands', { taskId: 'w-2', taskType: 'ECHO' });
  await env.post('/commands', { taskId: 'r-1', taskType: 'GATED' });
  const series = await scrape();
  assert.equal(series.get('command_queue_depth'), 2);
  assert.equal(series.get('command_active_total'), 1);
  await eventually(async () => assert.ok(((await scrape()).get('command_queue_age_seconds') ?? 0) > 0));
});

test('refused submissions and retries are counted with their reason', async () => {
  const registry = new Registry();
  const { observer } = createCommandMetrics(registry);
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await using _store = store;
  await store.start();
  const flaky = defineCommand({
    type: 'FLAKY',
    retries: { initialDelayMs: 0, maxDelayMs: 0 },
    handler: (_, { attempt }) => {
      if (attempt < 3) throw new Error('not yet');
      return attempt;
    },
  });
  const commands = createCommands({ store, observer, definitions: [flaky], intakeCharactersMax: 1_000, depthMax: 0 });
  await using _commands = commands;
  await assert.rejects(commands.submit({ taskType: 'FLAKY' }), { code: 'UNAVAILABLE' });
  await commands.start();
  await assert.rejects(commands.submit({ taskType: 'FLAKY' }), { code: 'UNAVAILABLE' });
  const text = await registry.metrics();
  assert.match(text, /command_shed_total\{reason="closed"\} 1/);
  assert.match(text, /command_shed_total\{reason="depth"\} 1/);

  const open = createMemoryStore({ schemas: [commandsSchema] });
  await using _open = open;
  await open.start();
  const retrying = createCommands({ store: open, observer, definitions: [flaky] });
  await using _retrying = retrying;
  await retrying.start();
  const { outcome } = await retrying.process({ taskType: 'FLAKY' }, { waitMs: 10_000 });
  assert.equal(outcome?.status, 'SUCCESS');
  assert.match(await registry.metrics(), /command_retries_total\{task_type="FLAKY"\} 2/);
});

test('the catalogue is what is registered', async () => {
  const registry = new Registry();
  createCommandMetrics(registry);
  const registered = await registry.getMetricsAsJSON();
  assert.deepEqual(registered.map(({ name }) => name).sort(), Object.keys(COMMAND_METRICS).sort());
  for (const { name, help } of registered)
    assert.equal(help, COMMAND_METRICS[name as keyof typeof COMMAND_METRICS].help);
});
