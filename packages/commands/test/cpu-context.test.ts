import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand, type Logger, silentLogger } from '@millrace/kit';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import Type from 'typebox';
import { z } from 'zod';
import { REPORTS_WAITING_MAX } from '../src/cpu/messages.ts';
import { createCpuEnv, WAIT_MS } from './cpu-env.ts';

const double = defineCommand({ type: 'double', handler: ({ payload }) => Number(payload) * 2 });

test('log lines cross with the command they belong to, at the levels that are asked for', async () => {
  const lines: unknown[] = [];
  const note = (message: string, fields: unknown) => void lines.push([message, fields]);
  const logger: Logger = { ...silentLogger, isEnabled: (level) => level !== 'debug', info: note, debug: note };
  await using env = await createCpuEnv({ logger });
  const { taskId, result } = await env.run('report');
  assert.equal((result as { debug: boolean }).debug, false);
  assert.partialDeepStrictEqual(lines, [['Said from a thread', { taskId, metadata: { part: 3 } }]]);
});

test('progress reaches watchers, the last of it before the end', async () => {
  await using env = await createCpuEnv();
  const { taskId } = await env.commands.submit({ taskType: 'cpu', payload: { do: 'report' } });
  const seen: unknown[] = [];
  for await (const message of env.commands.watch(taskId)) {
    if (message.type === 'command.progress') seen.push(message.progress);
  }
  assert.deepEqual(seen, [{ part: 1 }, { part: 2 }, { part: 3 }]);
});

test('a flood of progress leaves the handler at its own pace and the event loop bounded', async () => {
  await using env = await createCpuEnv();
  const { result } = await env.run('flood', { reports: REPORTS_WAITING_MAX * 20 });
  assert.equal(result, 'flooded');
});

test('a handler in a thread submits children and waits for them, those of its own kind included', async () => {
  await using env = await createCpuEnv({ definitions: [double], type: { concurrency: 1 } });
  const { status, result, taskId } = await env.run('children');
  assert.equal(status, 'SUCCESS');
  assert.partialDeepStrictEqual(result, [
    { taskId: `${taskId}-c1`, status: 'SUCCESS', result: 8 },
    { taskId: `${taskId}-c2`, status: 'SUCCESS' },
  ]);
});

test('a step in a thread is not run again by a retry', async () => {
  await using env = await createCpuEnv();
  const { result, taskId } = await env.run('step', { failAfter: 1 });
  assert.partialDeepStrictEqual(result, { idempotencyKey: `${taskId}:charge`, attempt: 2 });
});

test('what a step throws reaches the handler as it was thrown', async () => {
  await using env = await createCpuEnv();
  assert.deepEqual((await env.run('failingStep')).result, { same: true });
});

test('errors keep what the engine minds', async () => {
  await using env = await createCpuEnv();
  const outcomes = await Promise.all(['unrecoverable', 'recoverable', 'plain'].map((act) => env.run(act)));
  assert.partialDeepStrictEqual(
    outcomes.map(({ error }) => error),
    [
      { code: 'VALIDATION_ERROR', message: 'never', details: { field: 'a' } },
      { code: 'EXTERNAL_SERVICE_ERROR', message: 'not now', details: { host: 'b', attempts: 2 } },
      { code: 'PROCESSING_ERROR', message: 'plain', details: { attempts: 2 } },
    ],
  );
});

test('an unrecoverable error is not tried again', async () => {
  await using env = await createCpuEnv();
  const { taskId } = await env.run('unrecoverable');
  assert.equal((await env.commands.get(taskId)).attempts, 1);
});

test('RetryAfter is tried again after its time', async () => {
  await using env = await createCpuEnv();
  assert.deepEqual((await env.run('retryAfter')).result, { attempt: 2 });
});

test('a partial result stays one', async () => {
  await using env = await createCpuEnv();
  const { status, result, error } = await env.run('partial');
  assert.equal(status, 'PARTIAL_SUCCESS');
  assert.deepEqual(result, { half: true });
  assert.equal(error?.message, 'the other half is missing');
});

test('a result with functions in it is what JSON makes of it', async () => {
  await using env = await createCpuEnv();
  assert.deepEqual((await env.run('functionResult')).result, { kept: 1 });
});

test('a payload as its schema gives it crosses, dates included', async () => {
  const payload = z.object({ do: z.string(), at: z.coerce.date() });
  await using env = await createCpuEnv({ type: { payload } });
  const { result } = await env.run('date', { at: '2026-01-02T03:04:05Z' });
  assert.deepEqual(result, { isDate: true, at: '2026-01-02T03:04:05.000Z' });
});

test('a payload that cannot cross is refused for good', async () => {
  const payload = z.object({ do: z.string() }).transform((value) => ({ ...value, run: () => {} }));
  await using env = await createCpuEnv({ type: { payload } });
  const { error } = await env.run('echo');
  assert.equal(error?.code, 'VALIDATION_ERROR');
  assert.match(error?.message ?? '', /cannot be given to a thread/);
});

test('a result is checked against the type on this side', async () => {
  await using env = await createCpuEnv({ type: { result: Type.String() } });
  assert.equal((await env.run('echo')).error?.code, 'VALIDATION_ERROR');
});

test('the trace of the request is there in the thread', async (t) => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  t.after(() => context.disable());
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await using env = await createCpuEnv();
  const input = { taskType: 'cpu', payload: { do: 'trace' } };
  const { outcome } = await env.commands.process(input, { trace, waitMs: WAIT_MS });
  assert.equal(outcome?.result, trace);
});
