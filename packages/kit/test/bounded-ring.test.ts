import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Ring } from '../src/index.ts';

describe('Ring', () => {
  test('keeps the last values in order and counts those that it dropped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.integer()), (capacity, values) => {
        const ring = new Ring<number>(capacity);
        for (const value of values) ring.push(value);
        assert.deepEqual(ring.values(), values.slice(-capacity));
        assert.equal(ring.size, Math.min(values.length, capacity));
        assert.equal(ring.droppedCount, Math.max(0, values.length - capacity));
      }),
    );
  });

  test('starts anew after clear', () => {
    const ring = new Ring<number>(2);
    for (const value of [1, 2, 3]) ring.push(value);
    ring.clear();
    for (const value of [4, 5]) ring.push(value);
    assert.deepEqual(ring.values(), [4, 5]);
    assert.equal(ring.droppedCount, 1);
  });

  test('refuses a capacity that holds nothing', () => {
    assert.throws(() => new Ring(0), RangeError);
  });
});
