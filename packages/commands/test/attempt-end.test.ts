import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand, partial, Recoverable, RetryAfter, Unrecoverable } from '@millrace/kit';
import fc from 'fast-check';
import { type EndContext, endOf, type HandlerOutcome } from '../src/attempt-end.ts';
import { type LeasedCommand, leasedOnArrival } from '../src/command.ts';
import { newCommand, parseSubmission } from '../src/submission.ts';
import { resolveTaskType } from '../src/task-type.ts';

const NOW = 5_000_000;

function leased(more: Partial<LeasedCommand> = {}): LeasedCommand {
  const identity = { id: 7, taskId: 't', createdAt: NOW, timeoutMs: 1_000, trace: null };
  return { ...leasedOnArrival(newCommand(parseSubmission({ taskType: 'work' }, NOW), identity)), ...more };
}

function context(maxAttempts = 3, more: Partial<EndContext> = {}): EndContext {
  const type = resolveTaskType(defineCommand({ type: 'work', retries: { maxAttempts }, handler: () => null }));
  return { ...{ type, now: NOW, startedAt: NOW, durationMs: 5, random: () => 1, resultCharactersMax: 100 }, ...more };
}

const threw = (error: unknown): HandlerOutcome => ({ kind: 'threw', error });
const returned = (value: unknown): HandlerOutcome => ({ kind: 'returned', value });

test('a returned value succeeds with its JSON, undefined with null', () => {
  for (const [value, text] of [
    [{ a: 1 }, '{"a":1}'],
    [undefined, 'null'],
    [0, '0'],
    ['', '""'],
    [() => 1, 'null'],
  ] as const) {
    const end = endOf(leased(), returned(value), context());
    assert.equal(end.status, 'SUCCESS');
    assert.equal(end.result, text);
    assert.equal(end.burnt, 0);
  }
});

test('a partial result keeps result and error and is not dead-lettered', () => {
  const end = endOf(leased(), returned(partial({ done: 2 }, 'The third failed.')), context());
  assert.equal(end.status, 'PARTIAL_SUCCESS');
  assert.equal(end.result, '{"done":2}');
  assert.match(end.error ?? '', /The third failed/);
  assert.equal(end.deadLettered, 0);
});

test('what JSON cannot carry and what is too large fails for good, with a reason', () => {
  const ring: { self?: unknown } = {};
  ring.self = ring;
  for (const [value, code] of [
    [ring, 'PROCESSING_ERROR'],
    [1n, 'PROCESSING_ERROR'],
    ['x'.repeat(200), 'RESOURCE_ERROR'],
  ] as const) {
    const end = endOf(leased(), returned(value), context());
    assert.deepEqual([end.status, end.errorCode, end.deadLettered, end.result], ['FAILURE', code, 1, null]);
  }
});

test('failures are retried within the policy and then dead-lettered, for any policy and any count', () => {
  const outcome = fc.constantFrom<HandlerOutcome>(
    threw(new Error('x')),
    threw('text'),
    threw(undefined),
    threw(new Recoverable('r')),
    { kind: 'timeout' },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.nat(25),
      outcome,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (maxAttempts, failures, how, chance) => {
        const end = endOf(
          leased({ failures, attempt: failures + 1 }),
          how,
          context(maxAttempts, { random: () => chance }),
        );
        const isLast = failures + 1 >= maxAttempts;
        assert.equal(end.status, isLast ? 'FAILURE' : 'RETRYING');
        assert.equal(end.deadLettered, isLast ? 1 : 0);
        assert.equal(end.burnt, 1);
        assert.ok(end.error !== null && end.errorCode !== null);
        if (!isLast) assert.ok(end.dueAt >= NOW && end.dueAt <= NOW + 10_000);
        if (how.kind === 'timeout') assert.equal(end.errorCode, 'TIMEOUT_ERROR');
      },
    ),
  );
});

test('RetryAfter, an interruption and an attempt that never began burn nothing, however often', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(10_000), (failures, delayMs) => {
      const command = leased({ failures, attempt: 9 });
      const later = endOf(command, threw(new RetryAfter(delayMs)), context(1));
      assert.deepEqual([later.status, later.burnt, later.dueAt], ['RETRYING', 0, NOW + delayMs]);
      const interrupted = endOf(command, { kind: 'interrupted', reason: 'stop' }, context(1));
      assert.deepEqual([interrupted.status, interrupted.burnt, interrupted.dueAt], ['RETRYING', 0, NOW]);
      const unstarted = endOf(command, { kind: 'unstarted' }, context(1));
      assert.deepEqual([unstarted.status, unstarted.burnt, unstarted.outcome], ['RETRYING', 0, 'returned']);
    }),
  );
  assert.equal(endOf(leased(), { kind: 'unstarted' }, context()).status, 'QUEUED');
});

test('Unrecoverable fails at once with its own code and details', () => {
  const error = new Unrecoverable('no such user', { code: 'VALIDATION_ERROR', details: { user: 1 } });
  const end = endOf(leased(), threw(error), context(10));
  assert.deepEqual([end.status, end.errorCode, end.deadLettered], ['FAILURE', 'VALIDATION_ERROR', 1]);
  assert.deepEqual(JSON.parse(end.error ?? '').details, { user: 1 });
});

test('whatever is thrown becomes an error that can be stored', () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      const end = endOf(leased(), threw(thrown), context(1));
      assert.equal(end.status, 'FAILURE');
      assert.equal(typeof JSON.parse(end.error ?? '').message, 'string');
    }),
    { numRuns: 500 },
  );
});

test('whatever is returned ends the attempt with a text or a reason', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const end = endOf(leased(), returned(value), context(1, { resultCharactersMax: 10_000 }));
      if (end.status === 'SUCCESS') JSON.parse(end.result ?? '');
      else assert.ok(end.error !== null);
    }),
    { numRuns: 500 },
  );
});
