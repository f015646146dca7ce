import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RATE_LIMIT_MAX, SlidingWindow } from '../src/index.ts';

describe('SlidingWindow', () => {
  test('a start leaves the window exactly perMs after it began', () => {
    const window = new SlidingWindow({ limit: 2, perMs: 100 });
    for (const now of [0, 30]) {
      assert.equal(window.reserve(now), true);
      window.started(now);
    }
    assert.equal(window.reserve(99), false);
    assert.equal(window.msUntilNext(40), 60);
    assert.equal(window.available(100), 1);
    assert.equal(window.available(129), 1);
    assert.equal(window.available(130), 2);
  });

  test('a reserved start counts for as long as it is on its way', () => {
    const window = new SlidingWindow({ limit: 1, perMs: 100 });
    assert.equal(window.reserve(0), true);
    assert.equal(window.available(10_000), 0);
    assert.equal(window.msUntilNext(10_000), Number.POSITIVE_INFINITY);
    window.started(10_000);
    assert.equal(window.msUntilNext(10_000), 100);
  });

  test('a start that is given back frees its place at once', () => {
    const window = new SlidingWindow({ limit: 3, perMs: 100 });
    assert.equal(window.reserve(0, 3), true);
    assert.equal(window.reserve(0), false);
    window.giveBack(2);
    assert.equal(window.available(0), 2);
    assert.equal(window.reserved, 1);
  });

  test('a reservation of several is granted whole or not at all', () => {
    const window = new SlidingWindow({ limit: 3, perMs: 100 });
    assert.equal(window.reserve(0, 4), false);
    assert.equal(window.available(0), 3);
  });

  test('nothing begins or comes back that was not reserved', () => {
    const window = new SlidingWindow({ limit: 1, perMs: 100 });
    assert.throws(() => window.started(0), RangeError);
    assert.throws(() => window.giveBack(), RangeError);
  });

  test('restored starts count, and of more than the limit the latest decide', () => {
    const window = new SlidingWindow({ limit: 2, perMs: 100 });
    window.restore([50, 10, 60, 20]);
    assert.equal(window.available(70), 0);
    assert.equal(window.msUntilNext(70), 80);
    assert.deepEqual(window.times(70), [50, 60]);
    assert.equal(window.available(150), 1);
  });

  test('the wait takes the reserved ones into account', () => {
    const window = new SlidingWindow({ limit: 3, perMs: 100 });
    window.restore([0, 40]);
    window.reserve(50);
    assert.equal(window.msUntilNext(50), 50);
    window.started(60);
    assert.equal(window.msUntilNext(60), 40);
  });

  test('a clock that goes back makes a start count longer, never shorter', () => {
    const window = new SlidingWindow({ limit: 2, perMs: 100 });
    window.reserve(0, 2);
    window.started(50);
    window.started(20);
    assert.equal(window.available(149), 0);
    assert.equal(window.available(150), 2);
  });

  test('limits out of range are refused', () => {
    for (const limit of [0, -1, 1.5, RATE_LIMIT_MAX + 1]) {
      assert.throws(() => new SlidingWindow({ limit, perMs: 1 }), RangeError);
    }
    for (const perMs of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new SlidingWindow({ limit: 1, perMs }), RangeError);
    }
  });

  test('no window of perMs ever holds more than limit starts, whatever the interleaving', () => {
    const step = fc.record({
      act: fc.constantFrom('reserve', 'reserve', 'started', 'started', 'giveBack', 'restart'),
      afterMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 40, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 300 }), (limit, steps) => {
        const perMs = 100;
        let window = new SlidingWindow({ limit, perMs });
        const starts: number[] = [];
        let now = 0;
        for (const { act, afterMs } of steps) {
          now += afterMs;
          if (act === 'reserve') window.reserve(now);
          else if (act === 'giveBack' && window.reserved > 0) window.giveBack();
          else if (act === 'started' && window.reserved > 0) {
            window.started(now);
            starts.push(now);
          } else if (act === 'restart' && window.reserved === 0) {
            window = new SlidingWindow({ limit, perMs });
            window.restore(starts);
          }
        }
        for (let index = limit; index < starts.length; index++) {
          assert.ok((starts[index] ?? 0) - (starts[index - limit] ?? 0) >= perMs);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('whoever waits for msUntilNext gets a place, and nobody could have had it a ms earlier', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 40 }),
        fc.nat(20),
        (limit, times, wanted) => {
          const window = new SlidingWindow({ limit, perMs: 100 });
          window.restore(times);
          const reserved = Math.min(wanted, window.available(99));
          window.reserve(99, reserved);
          const waitMs = window.msUntilNext(99);
          if (waitMs === Number.POSITIVE_INFINITY || waitMs === 0) return;
          assert.equal(window.available(99 + waitMs - 1), 0);
          assert.ok(window.available(99 + waitMs) > 0);
        },
      ),
    );
  });
});
