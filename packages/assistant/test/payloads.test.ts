import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  createAssistantCommands,
  executeAssistantPayload,
  INPUT_CHARS_MAX,
  scheduleHabitsPayload,
} from '@millrace/assistant';
import { isCommandDefinition, Unrecoverable } from '@millrace/kit';
import { Check } from 'typebox/value';
import { createCommand, createTestContext, findDefinition } from './test-context.ts';

const habit = { name: 'Read', frequency: 'daily', time: '07:30', duration: 20 };

test('EXECUTE_ASSISTANT takes the payloads of the load scripts and of the API', () => {
  const good = [
    { input: 'test' },
    { assistantId: 'a-1', input: 'test' },
    { userInput: 'test', userId: 'u-1', context: { sessionId: 's-1' } },
    { input: 'x'.repeat(INPUT_CHARS_MAX) },
  ];
  for (const payload of good) assert.ok(Check(executeAssistantPayload, payload), JSON.stringify(payload).slice(0, 80));
});

test('EXECUTE_ASSISTANT refuses empty, blank, too long and wrongly typed input', () => {
  const bad = [{}, { assistantId: 'a' }, { input: '' }, { input: ' \n\t' }, { input: 5 }, { userInput: null }];
  for (const payload of [...bad, { input: 'x'.repeat(INPUT_CHARS_MAX + 1) }, { input: 'x', context: [] }, 'x', null]) {
    assert.ok(!Check(executeAssistantPayload, payload), JSON.stringify(payload).slice(0, 80));
  }
});

test('SCHEDULE_HABITS checks frequency, time and duration', () => {
  assert.ok(Check(scheduleHabitsPayload, { userId: 'u', habits: [habit, { name: 'Run', frequency: 'weekly' }] }));
  const bad = [
    { frequency: 'hourly' },
    { time: '24:00' },
    { time: '7:30' },
    { duration: 0 },
    { duration: 1441 },
    { name: '' },
  ];
  for (const change of bad) {
    assert.ok(
      !Check(scheduleHabitsPayload, { userId: 'u', habits: [{ ...habit, ...change }] }),
      JSON.stringify(change),
    );
  }
  assert.ok(!Check(scheduleHabitsPayload, { userId: 'u', habits: [] }));
  assert.ok(!Check(scheduleHabitsPayload, { habits: [habit] }));
});

test('SCHEDULE_HABITS fails for good and says what is missing', () => {
  const { handler } = findDefinition(createAssistantCommands(), 'SCHEDULE_HABITS');
  assert.throws(
    () => handler(createCommand({ userId: 'u', habits: [habit] }), createTestContext()),
    (error) =>
      error instanceof Unrecoverable && error.code === 'RESOURCE_ERROR' && /scheduling room/.test(error.message),
  );
});

test('the definitions load nothing heavy before the first command', () => {
  assert.ok(createAssistantCommands().every(isCommandDefinition));
  const script = `
    import { registerHooks } from 'node:module';
    const heavy = [];
    registerHooks({ resolve(name, context, next) {
      if (/^(?:ai|@ai-sdk|compromise|chrono-node)(?:\\/|$)/.test(name)) heavy.push(name);
      return next(name, context);
    } });
    const { createAssistantCommands } = await import('@millrace/assistant');
    createAssistantCommands({ baseUrl: 'http://localhost:1/v1', model: 'm' });
    process.stdout.write(JSON.stringify(heavy));`;
  const cwd = new URL('..', import.meta.url);
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd, encoding: 'utf8' });
  assert.equal(child.stdout, '[]', child.stderr);
});
