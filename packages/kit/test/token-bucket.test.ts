import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket, VirtualClock } from '../src/index.ts';

describe('TokenBucket', () => {
  test('lets a burst through, then as many as come back', () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ capacity: 3, refillPerMs: 0.01, clock });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => bucket.tryTake()),
      [true, true, true, false],
    );
    assert.equal(bucket.msUntil(), 100);
    clock.advance(99);
    assert.equal(bucket.tryTake(), false);
    clock.advance(1);
    assert.equal(bucket.tryTake(), true);
    clock.advance(1_000_000);
    assert.equal(bucket.tryTake(4), false);
    assert.equal(bucket.tryTake(3), true);
  });

  test('says that more than its capacity never fits', () => {
    const bucket = new TokenBucket({ capacity: 3, refillPerMs: 1, clock: new VirtualClock() });
    assert.equal(bucket.msUntil(4), Number.POSITIVE_INFINITY);
    assert.equal(bucket.msUntil(3), 0);
  });

  test('takes all or nothing', () => {
    const bucket = new TokenBucket({ capacity: 3, refillPerMs: 1, clock: new VirtualClock() });
    bucket.tryTake(2);
    assert.equal(bucket.tryTake(2), false);
    assert.equal(bucket.tryTake(1), true);
  });

  test('never gives more than capacity plus what came back, and enough after msUntil', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(500), count: fc.integer({ min: 1, max: 5 }) }));
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 1_000 }), (takes, refillPerSecond) => {
        const clock = new VirtualClock();
        const bucket = new TokenBucket({ capacity: 5, refillPerMs: refillPerSecond / 1_000, clock });
        let taken = 0;
        for (const { afterMs, count } of takes) {
          clock.advance(afterMs);
          if (bucket.tryTake(count)) taken += count;
          assert.ok(taken <= 5 + (clock.monotonic() * refillPerSecond) / 1_000 + 1e-6);
        }
        clock.advance(bucket.msUntil(5) + 1);
        assert.equal(bucket.tryTake(5), true);
      }),
    );
  });

  test('refuses rates that mean nothing', () => {
    assert.throws(() => new TokenBucket({ capacity: 0, refillPerMs: 1 }), RangeError);
    assert.throws(() => new TokenBucket({ capacity: 1, refillPerMs: Number.NaN }), RangeError);
  });
});
