import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '@millrace/engines/store';
import { VirtualClock } from '@millrace/kit';
import { eventually, shortOrLong } from '@millrace/testkit';
import fc from 'fast-check';
import { POLL_MS } from '../src/event-hub.ts';
import { batchEventId, listEvents } from '../src/event-message.ts';
import { LIVE_EVENTS_MAX } from '../src/event-subscription.ts';
import { Events } from '../src/events.ts';
import type { Commands, EventMessage } from '../src/index.ts';
import type { EventBatch } from '../src/sql/record-events.ts';
import { trimEventBatches } from '../src/sql/trim-event-batches.ts';
import { all, first, kinds, STORES, stable, startEvents } from './event-env.ts';

/** The ids of everything that is stored, in order. */
async function storedIds(store: Store): Promise<string[]> {
  const rows = await store.query<{ seq: number; events: string }>('SELECT * FROM command_event_batches ORDER BY seq');
  return rows.flatMap(({ seq, events }) =>
    listEvents(JSON.parse(events) as EventBatch).map((_event, index) => batchEventId(seq, index)),
  );
}

const outcome = (room: Commands, taskId: string) => room.waitForOutcome(taskId, { waitMs: 5_000 });

for (const kind of STORES) {
  describe(`the events of all commands over ${kind}`, () => {
    it('tells live what it tells from the store', async () => {
      await using env = await startEvents(kind);
      const abort = new AbortController();
      const live = all(env.room.watch(undefined, { lastEventId: '0-0', signal: abort.signal }));
      await eventually(() => assert.equal(env.room.eventStats().streamSubscribers, 1));
      for (const taskType of ['fine', 'flaky', 'broken', 'partly']) {
        await env.room.process({ taskId: taskType, taskType }, { waitMs: 5_000 });
      }
      await env.room.retry('broken');
      await outcome(env.room, 'broken');
      await env.room.submit({ taskId: 'gated', taskType: 'gated' });
      await env.room.cancel('gated');
      const ids = await storedIds(env.store);
      const stored = await first(ids.length, env.room.watch(undefined, { lastEventId: '0-0' }));
      abort.abort();
      assert.deepEqual(
        stored.map(({ id }) => id),
        ids,
      );
      // A run's number is not stored with an event: an error may be told of either run in the same millisecond.
      assert.deepEqual(stable(await live), stable(stored));
      assert.ok(env.room.eventStats().described > 0);
    });

    it('begins with what comes from now on when no id is given', async () => {
      await using env = await startEvents(kind);
      await env.room.process({ taskId: 'a', taskType: 'fine' }, { waitMs: 5_000 });
      const live = first(3, env.room.watch(undefined));
      await eventually(() => assert.equal(env.room.eventStats().streamSubscribers, 1));
      await env.room.submit({ taskId: 'b', taskType: 'fine' });
      assert.deepEqual(kinds(await live), ['queued 0', 'started 1', 'succeeded 1']);
      assert.ok((await live).every((event) => 'taskId' in event && event.taskId === 'b'));
    });

    it('resumes after any event, in the middle of a commit too', async () => {
      await using env = await startEvents(kind);
      await env.room.submitMany(Array.from({ length: 7 }, (_, n) => ({ taskId: `t${n}`, taskType: 'flaky' })));
      for (let n = 0; n < 7; n++) await outcome(env.room, `t${n}`);
      const ids = await storedIds(env.store);
      const whole = await first(ids.length, env.room.watch(undefined, { lastEventId: '0-0' }));
      for (const [index, { id }] of whole.slice(0, -1).entries()) {
        const rest = await first(ids.length - index - 1, env.room.watch(undefined, { lastEventId: id }));
        assert.deepEqual(rest, whole.slice(index + 1));
      }
    });

    it('answers an id that is too old or none of ours with a snapshot, and goes on from there', async () => {
      await using env = await startEvents(kind);
      await env.room.process({ taskId: 'old', taskType: 'fine' }, { waitMs: 5_000 });
      const [old] = await storedIds(env.store);
      await env.room.process({ taskId: 'new', taskType: 'fine' }, { waitMs: 5_000 });
      await env.store.write(trimEventBatches, { before: Number.MAX_SAFE_INTEGER });
      for (const [index, lastEventId] of [String(old), '0-0', '999999-0', '3-0000000999', 'nonsense'].entries()) {
        const newest = (await storedIds(env.store)).at(-1);
        const events = env.room.watch(undefined, { lastEventId })[Symbol.asyncIterator]();
        const reset = (await events.next()).value as EventMessage;
        assert.ok(reset.type === 'reset', lastEventId);
        assert.equal(reset.id, newest);
        assert.ok('depth' in (reset.snapshot as object));
        const next = events.next();
        await env.room.process({ taskId: `t${index}`, taskType: 'fine' }, { waitMs: 5_000 });
        assert.deepEqual(kinds([(await next).value as EventMessage]), ['queued 0']);
        const resumed = await first(3, env.room.watch(undefined, { lastEventId: reset.id }));
        assert.deepEqual(kinds(resumed), ['queued 0', 'started 1', 'succeeded 1']);
        await events.return?.(undefined);
      }
    });

    it('gives a slow subscriber everything from the store when its memory is full', async () => {
      await using env = await startEvents(kind);
      const events = env.room.watch(undefined, { lastEventId: '0-0' })[Symbol.asyncIterator]();
      const opening = events.next();
      await env.room.submit({ taskId: 'first', taskType: 'fine' });
      const seen = [((await opening).value as EventMessage).id];
      const count = LIVE_EVENTS_MAX;
      await env.room.submitMany(Array.from({ length: count }, (_, n) => ({ taskId: `t${n}`, taskType: 'fine' })));
      for (let n = 0; n < count; n++) await outcome(env.room, `t${n}`);
      const ids = await storedIds(env.store);
      while (seen.length < ids.length) seen.push(((await events.next()).value as EventMessage).id);
      assert.deepEqual(seen, ids);
      assert.equal(env.room.eventStats().resets, 0);
      await events.return?.();
    });

    it('neither loses nor repeats an event when subscribers come and go while commands run', async () => {
      const visits = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(visits, async (counts) => {
          await using env = await startEvents(kind);
          const produced = produce(env.room);
          assert.deepEqual(await comeAndGo(env.room, counts, produced, env.store), await storedIds(env.store));
        }),
        { numRuns: kind === 'memory' ? shortOrLong(40, 1_000) : shortOrLong(8, 100) },
      );
    });
  });
}

/** Commands of all kinds, some of them cancelled or run again. */
async function produce(room: Commands): Promise<void> {
  for (let burst = 0; burst < 8; burst++) {
    const types = ['fine', 'flaky', 'broken', 'gated', 'partly'];
    await room.submitMany(types.map((taskType) => ({ taskId: `${taskType}-${burst}`, taskType })));
    await room.cancel(`gated-${burst}`);
    await outcome(room, `broken-${burst}`);
    if (burst % 2 === 0) await room.retry(`broken-${burst}`);
    for (const taskType of types) await outcome(room, `${taskType}-${burst}`);
  }
}

/** Subscribes again and again, each time for so many events, until all that was produced is seen. */
async function comeAndGo(room: Commands, counts: number[], produced: Promise<void>, store: Store): Promise<string[]> {
  const seen: string[] = [];
  const over = new AbortController();
  let last: string | undefined;
  const check = () => {
    if (last !== undefined && seen.at(-1) === last) over.abort();
  };
  void produced.then(async () => {
    last = (await storedIds(store)).at(-1);
    check();
  });
  for (let visit = 0; !over.signal.aborted; visit++) {
    let left = counts[visit % counts.length] as number;
    for await (const event of room.watch(undefined, { lastEventId: seen.at(-1) ?? '0-0', signal: over.signal })) {
      if (event.id !== undefined) seen.push(event.id);
      check();
      left -= 1;
      if (left === 0) break;
    }
  }
  return seen;
}

describe('the events of all commands', () => {
  it('puts nothing into words while nobody listens to all commands', async () => {
    await using env = await startEvents('memory');
    await env.room.submit({ taskId: 'a', taskType: 'flaky' });
    await all(env.room.watch('a'));
    assert.equal(env.room.eventStats().described, 0);
  });

  it('passes progress on live, without an id', async () => {
    await using env = await startEvents('memory');
    const live = first(4, env.room.watch(undefined));
    await eventually(() => assert.equal(env.room.eventStats().streamSubscribers, 1));
    await env.room.submit({ taskId: 'a', taskType: 'telling', payload: {} });
    assert.deepEqual(kinds(await live), ['queued 0', 'started 1', 'progress 1=1', 'progress 1=2']);
    assert.equal((await live)[3]?.id, undefined);
  });

  it('sees what other processes commit, and resets who falls too far behind', async () => {
    await using env = await startEvents('memory');
    const { room, store } = env;
    const clock = new VirtualClock();
    const options = { store, clock, alone: false, lagBatchesMax: 3, subscribersMax: 1 };
    const events = new Events({ ...options, snapshot: () => room.snapshot(), view: (taskId) => room.get(taskId) });
    const watched = events.watch(undefined, { lastEventId: '0-0' });
    const opening = watched.next();
    await assert.rejects(events.watch(undefined).next(), { code: 'TOO_MANY_SUBSCRIBERS' });
    await room.process({ taskId: 'a', taskType: 'fine' }, { waitMs: 5_000 });
    clock.advance(POLL_MS);
    assert.equal(((await opening).value as EventMessage).type, 'command.queued');
    for (let n = 0; n < 4; n++) await room.process({ taskId: `t${n}`, taskType: 'fine' }, { waitMs: 5_000 });
    clock.advance(POLL_MS);
    const seen = [await watched.next(), await watched.next(), await watched.next()];
    assert.deepEqual(kinds(seen.map(({ value }) => value as EventMessage)), ['started 1', 'succeeded 1', 'reset']);
    assert.equal(events.stats().resets, 1);
    const next = watched.next();
    events.close();
    assert.equal((await next).done, true);
    assert.equal(clock.pendingTimers, 0);
  });
});
