import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, defineCommand } from '@millrace/kit';
import { Admission } from '../src/admission.ts';
import { Lanes } from '../src/lanes.ts';
import { silentObserver } from '../src/observer.ts';
import { newCommand, parseSubmission } from '../src/submission.ts';

const DEPTH_MAX = 100;

function createDoor() {
  const lanes = new Lanes();
  lanes.define([defineCommand({ type: 'work', handler: () => null })]);
  const closed: { reason: string; retryAfterMs: number }[] = [];
  const age = { ms: 0 };
  const admission = new Admission({
    ...{ lanes, observer: silentObserver, depthMax: DEPTH_MAX, intakeCharactersMax: 1_000 },
    ...{ queueAgeMaxMs: 10_000, queueAgeMs: () => age.ms },
    closedBecause: () => closed[0],
  });
  /** Lets a command of the key in, stores it and tells why when it is refused. */
  const knock = (key: string, payload: unknown = 1): string => {
    const submission = parseSubmission(
      { taskType: 'work', payload, ...(key === '' ? {} : { concurrencyKey: key }) },
      0,
    );
    const command = newCommand(submission, { id: 1, taskId: 't', createdAt: 0, timeoutMs: 1, trace: null });
    try {
      admission.admit(command);
    } catch (error) {
      assert.ok(error instanceof AppError && error.retryable && (error.retryAfterMs ?? 0) > 0);
      return error.code;
    }
    admission.leave(command);
    lanes.apply([['work', 1, 0]]);
    return 'in';
  };
  return { admission, lanes, closed, age, knock };
}

test('past the soft limit a key with more than its share is refused with 429 and others still get in', () => {
  const { knock } = createDoor();
  for (let index = 0; index < 95; index++) assert.equal(knock('greedy'), 'in');
  for (let index = 0; index < 5; index++) assert.equal(knock('modest'), 'in');
  assert.equal(knock('greedy'), 'OVERLOADED');
  assert.equal(knock('modest'), 'in');
  assert.equal(knock('newcomer'), 'in');
});

test('a queue that is too old counts as full, however short it is', () => {
  const { knock, age } = createDoor();
  for (let index = 0; index < 90; index++) assert.equal(knock('greedy'), 'in');
  for (let index = 0; index < 5; index++) assert.equal(knock('modest'), 'in');
  age.ms = 10_001;
  assert.equal(knock('greedy'), 'OVERLOADED');
  assert.equal(knock('modest'), 'in');
});

test('past the hard limit nobody gets in, and everybody once the queue is shorter', () => {
  const { knock, lanes } = createDoor();
  lanes.apply([['work', DEPTH_MAX * 1.25, 0]]);
  assert.equal(knock('newcomer'), 'UNAVAILABLE');
  lanes.apply([['work', -DEPTH_MAX * 1.25, 0]]);
  assert.equal(knock('newcomer'), 'in');
});

test('payload on its way to the store is bounded, and one that is larger than the bound may pass alone', () => {
  const { admission } = createDoor();
  const sized = (characters: number) => {
    const submission = parseSubmission({ taskType: 'work', payload: 'x'.repeat(characters) }, 0);
    return newCommand(submission, { id: 1, taskId: 't', createdAt: 0, timeoutMs: 1, trace: null });
  };
  const large = sized(2_000);
  admission.admit(large);
  assert.throws(() => admission.admit(sized(1)), /bytes/i);
  admission.leave(large);
  assert.equal(admission.characters, 0);
  admission.admit(sized(10));
});

test('a closed door says why and when to come again', () => {
  const { knock, closed } = createDoor();
  closed.push({ reason: 'Stopping.', retryAfterMs: 2_000 });
  assert.equal(knock(''), 'UNAVAILABLE');
});
