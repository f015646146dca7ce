import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRIORITIES } from '@millrace/kit';
import fc from 'fast-check';
import { HEAD_START_MS } from '../src/command.ts';
import { countByKey, createClaimEnv, NOW } from './claim-env.ts';

const many = (count: number, input: object) => Array.from({ length: count }, () => input);

/** Jain's fairness index: 1 when all shares are equal, 1/n when one has everything. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return (sum * sum) / (shares.length * squares);
}

test('within a key the order is due time minus the head start of the priority, then acceptance', async () => {
  const item = fc.record({ ago: fc.nat(900_000), priority: fc.constantFrom(...PRIORITIES) });
  await fc.assert(
    fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 30 }), async (items) => {
      await using env = await createClaimEnv();
      const commands = await env.insert(items.map(({ priority }) => ({ metadata: { priority } })));
      for (const [index, { ago, priority }] of items.entries()) {
        const command = commands[index];
        await env.store.query(
          'UPDATE commands SET due_at = ?, order_at = ? WHERE id = ?',
          NOW - ago,
          NOW - ago - HEAD_START_MS[priority],
          command?.id ?? 0,
        );
      }
      const { commands: claimed } = await env.claim({ limit: items.length });
      const order = claimed.map(({ dueAt, priority, id }) => [dueAt - HEAD_START_MS[priority], id] as const);
      const sorted = [...order].sort(([a, idA], [b, idB]) => a - b || idA - idB);
      assert.equal(claimed.length, items.length);
      assert.deepEqual(order, sorted);
    }),
    { numRuns: 60 },
  );
});

test('a key with 100,000 waiting commands does not delay one with three', async () => {
  await using env = await createClaimEnv();
  for (let part = 0; part < 20; part++) await env.insert(many(5_000, { concurrencyKey: 'big' }));
  await env.insert(many(3, { concurrencyKey: 'small' }));
  const first = await env.claim({ limit: 10 });
  assert.deepEqual(Object.fromEntries(countByKey(first.commands)), { big: 7, small: 3 });
});

test('keys with enough to do get equal shares, whatever waits under each (Jain index at least 0.99)', async () => {
  await using env = await createClaimEnv();
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  for (const [index, key] of keys.entries()) await env.insert(many(100 + index * 150, { concurrencyKey: key }));
  const shares = new Map<string, number>();
  let after = '';
  for (let round = 0; round < 100; round++) {
    const claimed = await env.claim({ limit: 7 + (round % 9), after });
    after = claimed.after;
    for (const [key, count] of countByKey(claimed.commands)) shares.set(key, (shares.get(key) ?? 0) + count);
  }
  assert.equal(shares.size, keys.length);
  assert.ok(jain([...shares.values()]) >= 0.99, `Jain index ${jain([...shares.values()])}: ${[...shares.values()]}`);
});

test('limits hold and no key starves, for any sizes, limits and closed keys', async () => {
  const setup = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 90 }),
    limit: fc.integer({ min: 1, max: 30 }),
    perKey: fc.integer({ min: 1, max: 5 }),
    closedEvery: fc.integer({ min: 2, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(setup, async ({ sizes, limit, perKey, closedEvery }) => {
      await using env = await createClaimEnv();
      const keys = sizes.map((_, index) => `k${String(index).padStart(3, '0')}`);
      await env.insert(sizes.flatMap((size, index) => many(size, { concurrencyKey: keys[index] })));
      const room = keys.filter((_, index) => index % closedEvery === 0).map((key) => [key, 0] as const);
      const closed = new Set(room.map(([key]) => key));
      const served = new Map<string, number>();
      let after = '';
      // Every open key has its turn once in so many claims, and is emptied in so many times more.
      const claims = Math.ceil((keys.length + 1) / Math.min(limit, 64)) * Math.max(...sizes) + keys.length;
      for (let claim = 0; claim < claims; claim++) {
        const claimed = await env.claim({ limit, perKey, room, after });
        after = claimed.after;
        assert.ok(claimed.commands.length <= limit);
        for (const [key, count] of countByKey(claimed.commands)) {
          assert.ok(!closed.has(key), `${key} is closed`);
          assert.ok(count <= perKey, `${count} of ${key}`);
          served.set(key, (served.get(key) ?? 0) + count);
        }
      }
      for (const [index, key] of keys.entries())
        assert.equal(served.get(key) ?? 0, closed.has(key) ? 0 : sizes[index], key);
    }),
    { numRuns: 25 },
  );
});

test('an open key behind more closed ones than one claim looks at is found by the next claims', async () => {
  await using env = await createClaimEnv();
  const closed = Array.from({ length: 1_200 }, (_, index) => `a${String(index).padStart(4, '0')}`);
  await env.insert(closed.map((concurrencyKey) => ({ concurrencyKey })));
  await env.insert([{ concurrencyKey: 'open' }]);
  const room = closed.map((key) => [key, 0] as const);
  let after = '';
  let found = 0;
  for (let claim = 0; claim < 4 && found === 0; claim++) {
    const claimed = await env.claim({ room, after });
    after = claimed.after;
    found = claimed.commands.length;
  }
  assert.equal(found, 1);
});

test('what is past its expiry ends instead of being leased, however much of it lies before the rest', async () => {
  await using env = await createClaimEnv();
  await env.insert(many(200, { expiresAt: new Date(NOW - 1).toISOString() }));
  await env.insert(many(2, {}));
  const claimed = await env.claim({ limit: 5 });
  assert.equal(claimed.expired.length, 200);
  assert.equal(claimed.commands.length, 2);
});

test('one suspect at a time is leased, and the others do not hide what waits behind them', async () => {
  await using env = await createClaimEnv();
  await env.insert(many(30, {}));
  await env.store.query('UPDATE commands SET crashes = 2 WHERE id <= 20');
  const allowed = await env.claim({ limit: 8 });
  assert.deepEqual(allowed.commands.map(({ crashes }) => crashes).sort(), [0, 0, 0, 0, 0, 0, 0, 2]);
  const denied = await env.claim({ limit: 8, suspects: false });
  assert.deepEqual(
    denied.commands.map(({ crashes }) => crashes),
    [0, 0, 0],
  );
});
