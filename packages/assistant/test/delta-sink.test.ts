import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/kit';
import { createDeltaSink, PROGRESS_CHARS_MAX, PROGRESS_INTERVAL_MS } from '../src/online/delta-sink.ts';

function createSink() {
  const clock = new VirtualClock();
  const shown: string[] = [];
  return { clock, shown, sink: createDeltaSink(clock, (text) => shown.push(text)) };
}

test('pieces that arrive together are shown together, after the interval', () => {
  const { clock, shown, sink } = createSink();
  sink.push('a');
  clock.advance(PROGRESS_INTERVAL_MS - 1);
  sink.push('b');
  assert.deepEqual(shown, []);
  clock.advance(1);
  assert.deepEqual(shown, ['ab']);
});

test('much text is shown at once', () => {
  const { clock, shown, sink } = createSink();
  sink.push('x');
  sink.push('y'.repeat(PROGRESS_CHARS_MAX));
  assert.equal(shown.length, 1);
  assert.equal(clock.nextTimerMs(), undefined);
});

test('closing shows the rest, leaves no timer and shows nothing afterwards', () => {
  const { clock, shown, sink } = createSink();
  sink.push('rest');
  sink.close();
  sink.push('late');
  sink.close();
  assert.deepEqual(shown, ['rest']);
  assert.equal(clock.nextTimerMs(), undefined);
});
