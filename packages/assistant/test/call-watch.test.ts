import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recoverable, VirtualClock } from '@millrace/kit';
import { createCallWatch } from '../src/online/call-watch.ts';

function createWatch(idleTimeoutMs: number, requestTimeoutMs: number) {
  const clock = new VirtualClock();
  return { clock, watch: createCallWatch(clock, { idleTimeoutMs, requestTimeoutMs }) };
}

test('a call that is heard of in time goes on as long as it likes', () => {
  const { clock, watch } = createWatch(100, 0);
  for (let round = 0; round < 100; round++) {
    clock.advance(99);
    watch.touch();
  }
  assert.ok(!watch.signal.aborted);
});

test('silence is noticed at the limit, counted from what was heard last', () => {
  const { clock, watch } = createWatch(100, 0);
  clock.advance(60);
  watch.touch();
  clock.advance(99);
  assert.ok(!watch.signal.aborted);
  clock.advance(1);
  assert.ok(watch.signal.reason instanceof Recoverable);
  assert.match(watch.signal.reason.message, /nothing for 100 ms/);
});

test('a call that talks on ends at the limit of the whole', () => {
  const { clock, watch } = createWatch(100, 250);
  for (let elapsedMs = 0; elapsedMs < 249; elapsedMs++) {
    clock.advance(1);
    watch.touch();
  }
  assert.ok(!watch.signal.aborted);
  clock.advance(1);
  assert.match(watch.signal.reason.message, /longer than 250 ms/);
  assert.equal(watch.signal.reason.code, 'EXTERNAL_SERVICE_ERROR');
});

test('a stopped watch leaves no timer', () => {
  const { clock, watch } = createWatch(100, 250);
  watch.stop();
  assert.equal(clock.nextTimerMs(), undefined);
});
