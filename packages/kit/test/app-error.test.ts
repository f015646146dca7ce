import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError, errorFactory, KIT_ERRORS, kitError, messageOf, toAppError } from '../src/index.ts';

const fail = errorFactory({
  TASK_NOT_FOUND: { message: 'There is no command {taskId} ({reason}).', status: 404, retryable: false },
});

describe('AppError', () => {
  test('fills its message from the details and leaves what it does not know', () => {
    const error = fail('TASK_NOT_FOUND', { details: { taskId: 't-1' } });
    assert.equal(error.message, 'There is no command t-1 ({reason}).');
    assert.equal(error.status, 404);
    assert.deepEqual(error.toBody(), {
      code: 'TASK_NOT_FOUND',
      message: 'There is no command t-1 ({reason}).',
      details: { taskId: 't-1' },
      retryable: false,
    });
  });

  test('names of the prototype are no details', () => {
    assert.equal(
      errorFactory({ X: { message: '{constructor}', status: 400, retryable: false } })('X').message,
      '{constructor}',
    );
  });

  test('keeps its cause and the time to come back', () => {
    const cause = new Error('low level');
    const error = fail('TASK_NOT_FOUND', { cause, retryAfterMs: 5 });
    assert.equal(error.cause, cause);
    assert.equal(error.retryAfterMs, 5);
    assert.equal('cause' in fail('TASK_NOT_FOUND'), false);
  });

  test('a code that is in no table is a programming error', () => {
    assert.throws(() => fail('OTHER' as 'TASK_NOT_FOUND'), TypeError);
  });

  test('anything thrown becomes an AppError, and one that is one stays itself', () => {
    const known = fail('TASK_NOT_FOUND');
    assert.equal(toAppError(known), known);
    const unknown = toAppError('boom');
    assert.ok(unknown instanceof AppError);
    assert.deepEqual(
      [unknown.code, unknown.status, unknown.retryable, unknown.cause],
      ['INTERNAL_ERROR', 500, true, 'boom'],
    );
  });

  test('messageOf finds words for anything thrown', () => {
    const thrown = [new Error('a'), new TypeError(), 'text', 5, null, undefined];
    assert.deepEqual(thrown.map(messageOf), ['a', 'TypeError', 'text', '5', 'null', 'undefined']);
    assert.equal(messageOf(Object.create(null)), 'Unknown error');
  });

  test('every error of the kit says when to try again', () => {
    for (const code of Object.keys(KIT_ERRORS)) {
      assert.equal(kitError(code as keyof typeof KIT_ERRORS).retryable, true);
    }
  });
});
