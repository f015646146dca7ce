import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '@millrace/kit';
import fc from 'fast-check';
import { DELAY_MS_MAX, newCommand, parseSubmission } from '../src/submission.ts';

const NOW = Date.UTC(2026, 0, 1);

function pointerOf(input: unknown): unknown {
  try {
    parseSubmission(input, NOW);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, 'VALIDATION_ERROR');
    return error.details.pointer;
  }
  return undefined;
}

const ok = { taskType: 'work' };

test('every fault is found at its place', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [null, ''],
    ['text', ''],
    [[], ''],
    [{}, '/taskType'],
    [{ taskType: '' }, '/taskType'],
    [{ taskType: 1 }, '/taskType'],
    [{ ...ok, taskId: '' }, '/taskId'],
    [{ ...ok, taskId: 'a b' }, '/taskId'],
    [{ ...ok, taskId: 'a'.repeat(101) }, '/taskId'],
    [{ ...ok, taskId: 'stats' }, '/taskId'],
    [{ ...ok, taskId: null }, '/taskId'],
    [{ ...ok, metadata: [] }, '/metadata'],
    [{ ...ok, metadata: { priority: 'huge' } }, '/metadata/priority'],
    [{ ...ok, metadata: { timeout: 0 } }, '/metadata/timeout'],
    [{ ...ok, metadata: { timeout: '5' } }, '/metadata/timeout'],
    [{ ...ok, metadata: { timeout: 3_601 } }, '/metadata/timeout'],
    [{ ...ok, delay: -1 }, '/delay'],
    [{ ...ok, delay: Number.NaN }, '/delay'],
    [{ ...ok, delay: DELAY_MS_MAX + 1 }, '/delay'],
    [{ ...ok, runAt: 'tomorrow' }, '/runAt'],
    [{ ...ok, runAt: '2026-01-01T00:00:00' }, '/runAt'],
    [{ ...ok, runAt: '2028-01-01T00:00:00Z' }, '/runAt'],
    [{ ...ok, delay: 1, runAt: '2026-01-01T00:00:00Z' }, '/runAt'],
    [{ ...ok, expiresAt: 5 }, '/expiresAt'],
    [{ ...ok, concurrencyKey: '' }, '/concurrencyKey'],
    [{ ...ok, concurrencyKey: '\ud800' }, '/concurrencyKey'],
    [{ ...ok, correlationId: 'x'.repeat(201) }, '/correlationId'],
    [{ ...ok, unknown: 1 }, '/unknown'],
    [JSON.parse('{"taskType":"work","__proto__":{}}'), '/__proto__'],
  ];
  for (const [input, pointer] of cases) assert.equal(pointerOf(input), pointer, JSON.stringify(input));
});

test('any input either fits or is refused with a pointer', () => {
  const field = fc.constantFrom(
    'taskId',
    'taskType',
    'payload',
    'metadata',
    'delay',
    'runAt',
    'expiresAt',
    'concurrencyKey',
    'callbackUrl',
    'x',
  );
  fc.assert(
    fc.property(fc.dictionary(field, fc.anything()), (input) => {
      const pointer = pointerOf({ ...ok, ...input });
      assert.ok(pointer === undefined || typeof pointer === 'string');
    }),
    { numRuns: 1_000 },
  );
});

test('delay and runAt give the same due time; a runAt in the past means now', () => {
  const runAt = new Date(NOW + 1_500).toISOString();
  assert.equal(parseSubmission({ ...ok, delay: 1_499.5 }, NOW).dueAt, NOW + 1_500);
  assert.equal(parseSubmission({ ...ok, runAt }, NOW).dueAt, NOW + 1_500);
  assert.equal(parseSubmission({ ...ok, runAt: '2020-01-01T00:00:00Z' }, NOW).dueAt, NOW);
});

test('payload and metadata are stored as they came', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (payload) => {
      const submission = parseSubmission({ ...ok, payload }, NOW);
      const command = newCommand(submission, { id: 1, taskId: 't', createdAt: NOW, timeoutMs: 1, trace: null });
      assert.deepEqual(JSON.parse(command.payload ?? ''), JSON.parse(JSON.stringify(payload)));
    }),
  );
});
