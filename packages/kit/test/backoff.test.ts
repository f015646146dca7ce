import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  DEFAULT_RETRY_POLICY,
  RETRY_DELAY_MS_MAX,
  resolveRetryPolicy,
  retryCeilingMs,
  retryDelayMs,
  seededRandom,
  systemRandom,
  validateRetryPolicy,
} from '../src/index.ts';

const policies = fc
  .record({
    maxAttempts: fc.integer({ min: 1, max: 1_000 }),
    initialDelayMs: fc.nat(100_000),
    maxDelayMs: fc.integer({ min: 100_000, max: RETRY_DELAY_MS_MAX }),
    factor: fc.double({ min: 1, max: 1e9, noNaN: true }),
  })
  .filter((policy) => validateRetryPolicy(policy).length === 0);

describe('retry backoff', () => {
  test('the ceiling doubles from 100 ms and stops at 10 s by default', () => {
    const ceilings = [1, 2, 3, 7, 8, 5_000].map((failures) => retryCeilingMs(DEFAULT_RETRY_POLICY, failures));
    assert.deepEqual(ceilings, [100, 200, 400, 6_400, 10_000, 10_000]);
  });

  test('every delay lies between 0 and the ceiling, which never falls and never exceeds maxDelayMs', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 2_000 }), fc.integer(), (policy, failures, seed) => {
        const delayMs = retryDelayMs(policy, failures, seededRandom(seed));
        const ceilingMs = retryCeilingMs(policy, failures);
        assert.ok(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= Math.ceil(ceilingMs));
        assert.ok(ceilingMs <= policy.maxDelayMs);
        assert.ok(retryCeilingMs(policy, failures + 1) >= ceilingMs);
      }),
    );
  });

  test('the jitter is full: delays spread evenly from 0 to the ceiling', () => {
    const random = seededRandom(7);
    const delays = Array.from({ length: 10_000 }, () => retryDelayMs(DEFAULT_RETRY_POLICY, 5, random));
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = delays.filter((delayMs) => Math.min(Math.floor(delayMs / 160), 9) === tenth).length;
      assert.ok(share > 850 && share < 1_150, `tenth ${tenth} holds ${share} of 10,000`);
    }
  });

  test('no initial delay means no delay ever', () => {
    const policy = resolveRetryPolicy({ initialDelayMs: 0 });
    assert.equal(
      retryDelayMs(policy, 100_000, () => 0.999),
      0,
    );
  });

  test('a policy is filled up with the defaults', () => {
    assert.deepEqual(resolveRetryPolicy(), DEFAULT_RETRY_POLICY);
    assert.deepEqual(resolveRetryPolicy({ maxAttempts: 9 }), { ...DEFAULT_RETRY_POLICY, maxAttempts: 9 });
    assert.equal(resolveRetryPolicy({ initialDelayMs: 60_000 }).maxDelayMs, 60_000);
  });

  test('all faults of a policy are named at once', () => {
    const bad = { maxAttempts: 0, initialDelayMs: -1, maxDelayMs: Number.NaN, factor: 0.5 };
    assert.equal(validateRetryPolicy(bad).length, 4);
    assert.throws(() => resolveRetryPolicy(bad), /maxAttempts.*maxDelayMs.*initialDelayMs.*factor/s);
    assert.throws(() => resolveRetryPolicy({ initialDelayMs: 500, maxDelayMs: 100 }), /initialDelayMs/);
  });
});

describe('random', () => {
  test('a seed replays its numbers, and another seed gives others', () => {
    const draw = (seed: number) => Array.from({ length: 50 }, seededRandom(seed));
    assert.deepEqual(draw(42), draw(42));
    assert.notDeepEqual(draw(42), draw(43));
  });

  test('the first numbers of seed 0 are those of the published mulberry32', () => {
    const random = seededRandom(0);
    assert.deepEqual([random(), random(), random()], [0.26642920868471265, 0.0003297457005828619, 0.2232720274478197]);
  });

  test('numbers lie in [0, 1)', () => {
    for (const random of [seededRandom(1), systemRandom]) {
      for (let draws = 0; draws < 1_000; draws++) {
        const value = random();
        assert.ok(value >= 0 && value < 1);
      }
    }
  });
});
