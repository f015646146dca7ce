import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createUuidV7 } from '../src/index.ts';

/** RFC 9562 §5.7: version 7, variant 10. */
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('createUuidV7', () => {
  test('carries the time in its first 48 bits', () => {
    // The example of RFC 9562 appendix A.6: 2022-02-22T19:22:22.00Z.
    const uuid = createUuidV7(() => 0x017f22e279b0)();
    assert.match(uuid, UUID_V7);
    assert.ok(uuid.startsWith('017f22e2-79b0-7'));
  });

  test('100,000 ids of one ms are well-formed, distinct and ascending', () => {
    const next = createUuidV7(() => 1_767_225_600_000.75);
    const ids = Array.from({ length: 100_000 }, next);
    assert.equal(new Set(ids).size, ids.length);
    for (const [index, id] of ids.entries()) {
      assert.match(id, UUID_V7);
      assert.ok(index === 0 || id > (ids[index - 1] ?? ''));
    }
  });

  test('ids ascend whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 45), { minLength: 2, maxLength: 200 }), (times) => {
        let index = 0;
        const next = createUuidV7(() => times[index++] ?? 0);
        const ids = times.map(() => next());
        for (const id of ids) assert.match(id, UUID_V7);
        assert.deepEqual(ids.toSorted(), ids);
        assert.equal(new Set(ids).size, ids.length);
      }),
    );
  });

  test('two generators give different ids in the same ms', () => {
    const [left, right] = [createUuidV7(() => 5), createUuidV7(() => 5)];
    const ids = new Set(Array.from({ length: 2_000 }, (_, index) => (index % 2 === 0 ? left() : right())));
    assert.equal(ids.size, 2_000);
  });
});
