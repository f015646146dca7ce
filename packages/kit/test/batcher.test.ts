import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AppError, Batcher, type BatcherOptions, type FlushReport, ItemFailure, VirtualClock } from '../src/index.ts';

/** A batcher whose flushes end when the test says so. */
function heldBatcher(options: Partial<BatcherOptions<number, number>> = {}) {
  const flights: { items: readonly number[]; land: () => void; crash: (error: Error) => void }[] = [];
  const batcher = new Batcher<number, number>({
    flush: (items) =>
      new Promise((resolve, reject) => {
        flights.push({ items, land: () => resolve(items.map((item) => item * 10)), crash: reject });
      }),
    ...options,
  });
  return { batcher, flights };
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Batcher', () => {
  test('an idle batcher flushes in the same tick, and what was added in it rides together', async () => {
    const { batcher, flights } = heldBatcher();
    const answers = [batcher.add(1), batcher.add(2), batcher.add(3)];
    assert.equal(flights.length, 0);
    await Promise.resolve();
    assert.deepEqual(
      flights.map(({ items }) => items),
      [[1, 2, 3]],
    );
    flights[0]?.land();
    assert.deepEqual(await Promise.all(answers), [10, 20, 30]);
  });

  test('items gather while a flush is in flight, and the next leaves before the first callers go on', async () => {
    const { batcher, flights } = heldBatcher();
    let flightsWhenAnswered = 0;
    const first = batcher.add(1).then(() => {
      flightsWhenAnswered = flights.length;
    });
    await tick();
    const rest = [batcher.add(2), batcher.add(3)];
    await tick();
    assert.equal(flights.length, 1);
    flights[0]?.land();
    await first;
    assert.equal(flightsWhenAnswered, 2);
    assert.deepEqual(flights[1]?.items, [2, 3]);
    flights[1]?.land();
    assert.deepEqual(await Promise.all(rest), [20, 30]);
  });

  test('no flush exceeds the limits in items and bytes, and a larger item leaves alone', async () => {
    const sizes: number[][] = [];
    const batcher = new Batcher<number, number>({
      flush: async (items) => {
        sizes.push([...items]);
        return items;
      },
      sizeOf: (item) => item,
      batchSizeMax: 3,
      batchBytesMax: 10,
    });
    await Promise.all([1, 1, 1, 1, 9, 1, 50, 2, 2].map((item) => batcher.add(item)));
    assert.deepEqual(sizes, [[1, 1, 1], [1, 9], [1], [50], [2, 2]]);
  });

  test('beyond the pending limit items are refused with a time to come back, and earlier ones are kept', async () => {
    const { batcher, flights } = heldBatcher({ pendingMax: 2, name: 'intake' });
    const kept = [batcher.add(1), batcher.add(2)];
    const refused = await batcher.add(3).catch((error: unknown) => error);
    assert.ok(refused instanceof AppError);
    assert.equal(refused.code, 'OVERLOADED');
    assert.equal(refused.retryable, true);
    assert.ok((refused.retryAfterMs ?? 0) > 0);
    flights[0]?.land();
    await tick();
    flights[0]?.land();
    assert.deepEqual(await Promise.all(kept), [10, 20]);
    assert.equal(batcher.stats().shed, 1);
    assert.equal(batcher.stats().pending, 0);
  });

  test('the pending limit counts bytes too, but lets one item pass that is larger than all of it', async () => {
    const { batcher, flights } = heldBatcher({ sizeOf: (item) => item, pendingBytesMax: 10 });
    const large = batcher.add(100);
    await assert.rejects(batcher.add(1), { code: 'OVERLOADED' });
    await tick();
    flights[0]?.land();
    assert.equal(await large, 1_000);
  });

  test('one bad item fails alone', async () => {
    const batcher = new Batcher<number, number>({
      flush: async (items) => items.map((item) => (item === 2 ? new ItemFailure(new Error('two')) : item)),
    });
    const answers = await Promise.allSettled([batcher.add(1), batcher.add(2), batcher.add(3)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(batcher.stats().failed, 1);
  });

  test('a flush that fails rejects its own batch only, whether it throws at once or later', async () => {
    let calls = 0;
    const batcher = new Batcher<number, number>({
      flush: (items) => {
        calls++;
        if (calls === 1) throw new Error('at once');
        return calls === 2 ? Promise.reject(new Error('later')) : Promise.resolve(items);
      },
      batchSizeMax: 1,
    });
    const answers = await Promise.allSettled([batcher.add(1), batcher.add(2), batcher.add(3)]);
    assert.deepEqual(
      answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as Error).message : answer.value)),
      ['at once', 'later', 3],
    );
  });

  test('a flush that answers for another number of items rejects all of them', async () => {
    const batcher = new Batcher<number, number>({ flush: async () => [1] });
    const answers = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });

  test('close answers everything that was taken, then refuses', async () => {
    const { batcher, flights } = heldBatcher({ batchSizeMax: 1 });
    const answers = [batcher.add(1), batcher.add(2)];
    const closed = batcher.close();
    await assert.rejects(batcher.add(3), { code: 'CLOSED' });
    await tick();
    flights[0]?.land();
    await tick();
    flights[1]?.land();
    await closed;
    assert.deepEqual(await Promise.all(answers), [10, 20]);
    await batcher.close();
  });

  test('every flush is reported with its size and duration', async () => {
    const clock = new VirtualClock();
    const reports: FlushReport[] = [];
    const { batcher, flights } = heldBatcher({ clock, sizeOf: () => 7, onFlush: (report) => reports.push(report) });
    const answers = [batcher.add(1), batcher.add(2)];
    await tick();
    clock.advance(25);
    flights[0]?.land();
    await Promise.all(answers);
    assert.deepEqual(reports, [{ items: 2, bytes: 14, durationMs: 25, ok: true }]);
    assert.equal(batcher.stats().flushMs, 25);
  });

  test('limits below one are refused', () => {
    assert.throws(() => new Batcher({ flush: async () => [], batchSizeMax: 0 }), RangeError);
  });

  test('in any interleaving every item is answered once, with its own answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(20), { minLength: 1, maxLength: 60 }), async (s, values) => {
        const flushed: number[] = [];
        let inFlight = 0;
        const batcher = new Batcher<{ id: number; bytes: number }, number>({
          flush: async (items) => {
            inFlight++;
            assert.equal(inFlight, 1);
            await s.schedule(Promise.resolve());
            inFlight--;
            flushed.push(...items.map(({ id }) => id));
            return items.map(({ id }) => (id % 7 === 3 ? new ItemFailure(id) : id));
          },
          sizeOf: ({ bytes }) => bytes,
          batchSizeMax: 5,
          batchBytesMax: 40,
        });
        const answers = values.map((bytes, id) => s.schedule(Promise.resolve()).then(() => batcher.add({ id, bytes })));
        const settled = Promise.allSettled(answers);
        await s.waitFor(settled);
        for (const [id, answer] of (await settled).entries()) {
          assert.equal(answer.status === 'fulfilled' ? answer.value : answer.reason, id);
        }
        assert.deepEqual(
          flushed.toSorted((left, right) => left - right),
          values.map((_, id) => id),
        );
        assert.equal(batcher.stats().pending, 0);
      }),
    );
  });
});
