import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Cache, type EvictionPolicy, VirtualClock } from '../src/index.ts';

function cacheOf(evictionPolicy: EvictionPolicy, maxSize = 3, ttl = 1_000) {
  const clock = new VirtualClock();
  return { clock, cache: new Cache<string, number>({ maxSize, ttl, evictionPolicy, clock }) };
}

describe('Cache', () => {
  test('an LRU cache evicts the entry that was read longest ago', () => {
    const { cache } = cacheOf('LRU');
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.get('a');
    cache.set('d', 1);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => cache.has(key)),
      [true, false, true, true],
    );
  });

  test('a FIFO cache evicts the entry that was set first, read or not', () => {
    const { cache } = cacheOf('FIFO');
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.get('a');
    cache.set('a', 2);
    cache.set('d', 1);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => cache.has(key)),
      [false, true, true, true],
    );
  });

  test('an LFU cache evicts the entry with the fewest uses, and of equals the one that got there first', () => {
    const { cache } = cacheOf('LFU');
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    for (const key of ['a', 'a', 'b', 'c']) cache.get(key);
    cache.set('d', 1);
    assert.equal(cache.has('b'), false);
    cache.set('e', 1);
    assert.equal(cache.has('d'), false);
    assert.deepEqual(
      ['a', 'c', 'e'].map((key) => cache.has(key)),
      [true, true, true],
    );
  });

  test('replacing a key evicts nobody', () => {
    const { cache } = cacheOf('LRU', 2);
    cache.set('a', 1);
    cache.set('b', 1);
    cache.set('b', 2);
    assert.equal(cache.get('a'), 1);
    assert.equal(cache.get('b'), 2);
    assert.equal(cache.size(), 2);
  });

  test('an expired entry is a miss and is dropped', () => {
    const { cache, clock } = cacheOf('LRU');
    cache.set('a', 1);
    clock.advance(999);
    assert.equal(cache.get('a'), 1);
    clock.advance(1);
    assert.equal(cache.get('a'), undefined);
    assert.equal(cache.size(), 0);
    assert.deepEqual(cache.getStats(), {
      size: 0,
      maxSize: 3,
      utilization: 0,
      hits: 1,
      misses: 1,
      hitRate: '50.00',
      total: 2,
      ttl: 1_000,
      policy: 'LRU',
    });
  });

  test('setting again lets an entry live anew', () => {
    const { cache, clock } = cacheOf('FIFO');
    cache.set('a', 1);
    clock.advance(600);
    cache.set('a', 2);
    clock.advance(600);
    assert.equal(cache.get('a'), 2);
  });

  test('has is neither a use nor a look-up', () => {
    const { cache } = cacheOf('LRU', 2);
    cache.set('a', 1);
    cache.set('b', 1);
    cache.has('a');
    cache.set('c', 1);
    assert.equal(cache.has('a'), false);
    assert.equal(cache.getStats().total, 0);
    assert.equal(cache.getStats().hitRate, '0.00');
  });

  test('delete and clear free the room', () => {
    const { cache } = cacheOf('LFU', 2);
    cache.set('a', 1);
    cache.get('a');
    assert.equal(cache.delete('a'), true);
    assert.equal(cache.delete('a'), false);
    cache.set('b', 1);
    cache.get('b');
    cache.clear();
    assert.equal(cache.size(), 0);
    cache.set('c', 1);
    cache.set('d', 1);
    assert.equal(cache.getStats().utilization, 100);
  });

  test('the defaults are those of the contract', () => {
    const { maxSize, ttl, policy } = new Cache().getStats();
    assert.deepEqual([maxSize, ttl, policy], [1_000, 3_600_000, 'LRU']);
  });

  test('sizes and ages that mean nothing are refused', () => {
    assert.throws(() => new Cache({ maxSize: 0 }), RangeError);
    assert.throws(() => new Cache({ maxSize: 1.5 }), RangeError);
    assert.throws(() => new Cache({ ttl: 0 }), RangeError);
    new Cache({ ttl: Number.POSITIVE_INFINITY });
  });

  for (const policy of ['LRU', 'LFU', 'FIFO'] as const) {
    test(`an ${policy} cache behaves as the plain model of its policy does`, () => {
      const step = fc.record({ act: fc.constantFrom('get', 'set', 'delete'), key: fc.constantFrom(...'abcdefg') });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
          const { cache } = cacheOf(policy, 4);
          const model = new Model(policy, 4);
          for (const { act, key } of steps) {
            if (act === 'set') cache.set(key, 1);
            else assert.equal(act === 'get' ? cache.get(key) !== undefined : cache.delete(key), model.has(key));
            model.apply(act, key);
            assert.deepEqual(
              [...'abcdefg'].filter((each) => cache.has(each)),
              [...'abcdefg'].filter((each) => model.has(each)),
            );
          }
        }),
      );
    });
  }
});

/** The policies as one would write them with no thought of speed. */
class Model {
  readonly #policy: EvictionPolicy;
  readonly #size: number;
  #entries: { key: string; uses: number; at: number }[] = [];
  #ticks = 0;

  constructor(policy: EvictionPolicy, size: number) {
    this.#policy = policy;
    this.#size = size;
  }

  has(key: string): boolean {
    return this.#entries.some((entry) => entry.key === key);
  }

  apply(act: string, key: string): void {
    const known = this.#entries.find((entry) => entry.key === key);
    const at = this.#ticks++;
    if (act === 'delete') this.#entries = this.#entries.filter((entry) => entry !== known);
    else if (known !== undefined && this.#policy !== 'FIFO') Object.assign(known, { at, uses: known.uses + 1 });
    else if (known === undefined && act === 'set') {
      if (this.#entries.length === this.#size) this.#evict();
      this.#entries.push({ key, uses: 0, at });
    }
  }

  #evict(): void {
    const uses = (entry: { uses: number }) => (this.#policy === 'LFU' ? entry.uses : 0);
    this.#entries.sort((left, right) => uses(left) - uses(right) || left.at - right.at).shift();
  }
}
