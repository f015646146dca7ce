import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  COMMAND_STATUSES,
  isTerminal,
  PartialResult,
  partial,
  Recoverable,
  RetryAfter,
  TERMINAL_STATUSES,
  Unrecoverable,
} from '../src/index.ts';

describe('outcomes of a handler', () => {
  test('RetryAfter never asks for a time in the past', () => {
    assert.equal(new RetryAfter(1_500).retryAfterMs, 1_500);
    assert.equal(new RetryAfter(-1).retryAfterMs, 0);
    assert.match(new RetryAfter(1_500).message, /1500 ms/);
  });

  test('Unrecoverable and Recoverable carry a code, details and the cause', () => {
    for (const Failure of [Unrecoverable, Recoverable]) {
      const cause = new Error('why');
      const failure = new Failure('no', { code: 'RESOURCE_ERROR', details: { left: 0 }, cause });
      assert.deepEqual([failure.code, failure.details, failure.cause], ['RESOURCE_ERROR', { left: 0 }, cause]);
      assert.equal(failure.name, Failure.name);
      const plain = new Failure('no');
      assert.deepEqual([plain.code, plain.details], ['PROCESSING_ERROR', {}]);
    }
  });

  test('partial keeps the result and makes an error of a text', () => {
    const half = partial({ done: 3 }, 'the rest failed');
    assert.ok(half instanceof PartialResult);
    assert.deepEqual(half.result, { done: 3 });
    assert.equal(half.error.message, 'the rest failed');
    const error = new TypeError('x');
    assert.equal(partial(1, error).error, error);
  });
});

test('the terminal states are those that isTerminal says', () => {
  assert.deepEqual(COMMAND_STATUSES.filter(isTerminal), [...TERMINAL_STATUSES]);
});
