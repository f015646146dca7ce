import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { COMMAND_STATUSES, isTerminal, silentLogger, VirtualClock } from '@millrace/kit';
import fc from 'fast-check';
import { createCommands } from '../src/command-room.ts';
import { Retention, type RetentionOptions } from '../src/retention.ts';
import { OLDEST_ENDED } from '../src/sql/prune-procedures.ts';
import { fillCommands, filledSchema, fillSideTables, noteCallback, noteEnds, rowOf } from './command-rows.ts';

const START = Date.UTC(2026, 0, 1);
const DAY = 24 * 3_600_000;
const GIBI = 1024 ** 3;

interface Env extends AsyncDisposable {
  readonly store: Store;
  readonly clock: VirtualClock;
  make(options?: Partial<RetentionOptions>): Retention;
}

/** @param rows how many commands of every state it begins with, a second apart from `START` on */
async function createEnv(rows: number, freeBytes?: (store: Store) => Promise<number | undefined>): Promise<Env> {
  const memory = createMemoryStore({ schemas: filledSchema });
  await memory.start();
  await memory.write(fillCommands, { from: 1, to: rows, start: START });
  const store = freeBytes === undefined ? memory : withFreeBytes(memory, freeBytes);
  const clock = new VirtualClock(START);
  return {
    ...{ store, clock },
    make: (options = {}) => new Retention({ store, clock, logger: silentLogger, ...options }),
    [Symbol.asyncDispose]: () => memory.stop(),
  };
}

/** The same store on a disk that has as much room as is said. */
function withFreeBytes(store: Store, freeBytes: (store: Store) => Promise<number | undefined>): Store {
  return new Proxy(store, {
    get(target, property) {
      if (property === 'freeBytes') return () => freeBytes(target);
      const value = target[property as keyof Store] as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

interface Left {
  readonly task_id: string;
  readonly status: string;
  readonly updated_at: number;
  readonly finished_at: number | null;
}

const leftOf = (store: Store) =>
  store.query<Left>('SELECT task_id, status, updated_at, finished_at FROM commands ORDER BY id');

describe('retention', () => {
  it('never deletes what has not ended, and ends within every limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1_500 }),
        fc.integer({ min: 60_000, max: 2_000_000 }),
        fc.integer({ min: 0, max: 2_000 }),
        fc.integer({ min: 0, max: 3_000_000 }),
        async (rows, retentionMs, rowsMax, pastMs) => {
          await using env = await createEnv(rows);
          env.clock.advance(pastMs);
          const retention = env.make({ retentionMs, rowsMax });
          const before = await leftOf(env.store);
          const deleted = await retention.runOnce();
          const left = await leftOf(env.store);
          assert.equal(before.length - left.length, deleted);
          const live = (each: readonly Left[]) => each.filter((row) => row.finished_at === null).length;
          assert.equal(live(left), live(before));
          const now = env.clock.now();
          const ended = left.filter((row) => row.finished_at !== null);
          assert.ok(ended.every((row) => row.updated_at >= now - retentionMs));
          const spared = ended.filter((row) => row.updated_at >= now - 60_000).length;
          assert.ok(ended.length <= Math.max(rowsMax * 1.02, spared), `${ended.length} of ${rowsMax}`);
          assert.equal(await retention.runOnce(), 0, 'a second pass finds nothing more');
        },
      ),
      { numRuns: 40 },
    );
  });

  it('takes the oldest first, and what belongs to them along', async () => {
    await using env = await createEnv(3_000);
    env.clock.advance(DAY);
    await env.make({ rowsMax: 1_000 }).runOnce();
    const ended = (await leftOf(env.store)).filter((row) => row.finished_at !== null);
    const ends = Array.from({ length: 3_000 }, (_, index) => rowOf(index + 1, START))
      .filter((row) => isTerminal(row.status))
      .map((row) => row.endedAt)
      .sort((left, right) => right - left);
    assert.ok(ended.length >= 980 && ended.length <= 1_000);
    assert.ok(ended.every((row) => row.updated_at >= (ends[ended.length - 1] ?? 0)));
    for (const table of ['command_payloads', 'command_results']) {
      const [orphans] = await env.store.query<{ count: number }>(
        `SELECT count(*) AS count FROM ${table} WHERE command_id NOT IN (SELECT id FROM commands)`,
      );
      assert.equal(orphans?.count, 0, table);
    }
  });

  it('deletes until the disk and the database have room enough, and no more', async () => {
    // The disk stays as it is: what deletion frees is inside the database.
    await using env = await createEnv(6_000, async () => 0);
    env.clock.advance(DAY);
    const retention = env.make({ freeBytesMin: 100_000, freeBytesFloor: 1_000 });
    const deleted = await retention.runOnce();
    assert.ok(deleted > 0 && deleted < 4_500, String(deleted));
    assert.ok((retention.freeBytes ?? 0) >= 100_000);
    assert.equal(retention.counts.disk, deleted);
    assert.equal(retention.diskIsLow(), false);
  });

  it('carries its count on by what has ended since', async () => {
    await using env = await createEnv(0);
    env.clock.advance(DAY);
    const retention = env.make({ rowsMax: 500 });
    await retention.runOnce();
    await env.store.write(fillCommands, { from: 1, to: 2_000, start: START });
    assert.equal(await retention.runOnce(), 0, 'nothing was said to have ended');
    await env.store.write(noteEnds, { minute: Math.floor(env.clock.now() / 60_000), ended: 1_500 });
    assert.ok((await retention.runOnce()) > 900);
  });

  it('keeps ends that a webhook has yet to tell', async () => {
    await using env = await createEnv(100);
    await env.store.write(noteCallback, { id: 1 });
    env.clock.advance(30 * DAY);
    await env.make().runOnce();
    const ended = (await leftOf(env.store)).filter((row) => row.finished_at !== null);
    assert.deepEqual(
      ended.map((row) => row.task_id),
      ['task-1'],
    );
  });

  it('shortens the tables beside the commands, but for the last batch of events', async () => {
    await using env = await createEnv(0);
    await env.store.write(fillSideTables, { at: START, rows: 5_000 });
    env.clock.advance(500 * DAY);
    await env.make().runOnce();
    for (const [table, left] of [
      ['command_event_batches', 1],
      ['command_starts', 0],
      ['command_lanes', 0],
      ['command_rollups', 0],
    ] as const) {
      const [row] = await env.store.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
      assert.equal(row?.count, left, table);
    }
  });

  it('finds a slice by walking the index of ends, oldest first', async () => {
    await using env = await createEnv(10);
    const plan = await env.store.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${OLDEST_ENDED}`, START, 500);
    const details = plan.map((row) => row.detail);
    const searches = details.filter((detail) => /SEARCH commands USING (COVERING )?INDEX commands_by_end/.test(detail));
    assert.equal(searches.length, COMMAND_STATUSES.filter(isTerminal).length, details.join('\n'));
    assert.ok(!details.some((detail) => /SCAN commands/.test(detail)), details.join('\n'));
  });

  it('works by itself between start and stop', async () => {
    await using env = await createEnv(2_000);
    env.clock.advance(8 * DAY);
    const retention = env.make();
    await retention.start();
    await retention.start();
    for (let turn = 0; turn < 200 && retention.counts.passes === 0; turn++) {
      env.clock.advance(env.clock.nextTimerMs() ?? 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(retention.counts.age > 1_000);
    await retention.stop();
    await retention.stop();
    assert.equal(env.clock.pendingTimers, 0);
  });
});

describe('a disk that is nearly full', () => {
  it('closes the intake, and opens it again', async () => {
    let free = 10 * GIBI;
    await using env = await createEnv(0, async () => free);
    await using room = createCommands({
      ...{ store: env.store, clock: env.clock, definitions: [{ type: 'fine', handler: () => 1 }] },
      retention: { freeBytesMin: GIBI, freeBytesFloor: GIBI / 4 },
    });
    await room.start();
    await room.submit({ taskType: 'fine' });
    const look = async () => {
      env.clock.advance(10_000);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    free = 1_000;
    await look();
    await assert.rejects(room.submit({ taskType: 'fine' }), { code: 'UNAVAILABLE', status: 503, retryAfterMs: 15_000 });
    assert.equal(room.snapshot().accepting, false);
    free = 10 * GIBI;
    for (let turn = 0; turn < 3; turn++) await look();
    await room.submit({ taskType: 'fine' });
  });
});
