import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand } from '@millrace/kit';
import fc from 'fast-check';
import { Lane } from '../src/lane.ts';
import type { ParkedSlot } from '../src/parked-slot.ts';
import { resolveTaskType } from '../src/task-type.ts';

const LIMITS = { concurrency: 6, localConcurrency: 4 };
const RATE = { limit: 5, perMs: 1_000 };
const PER_KEY = { concurrency: 2, rate: { limit: 3, perMs: 1_000 } };

function createLane(): Lane {
  const definition = defineCommand({ type: 'work', ...LIMITS, rate: RATE, perKey: PER_KEY, handler: () => null });
  return new Lane(resolveTaskType(definition));
}

interface Held {
  readonly key: string;
  state: 'leased' | 'running' | 'parked' | 'returning';
  slot?: ParkedSlot;
}

const key = fc.constantFrom('', 'a', 'b');
const act = fc.record({
  kind: fc.constantFrom(
    'take',
    'take',
    'take',
    'begin',
    'begin',
    'end',
    'giveBack',
    'park',
    'return',
    'close',
    'pass',
    'pauseKey',
  ),
  key,
  which: fc.nat(20),
  ms: fc.constantFrom(1, 100, 400, 1_000),
});

test('no order of takes, starts, ends, waits and returns breaks a limit or loses a slot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 120 }), async (acts) => {
      const bench = new LaneBench();
      for (const each of acts) {
        bench.perform(each);
        await Promise.resolve();
        bench.check();
      }
      bench.finish();
    }),
    { numRuns: 400 },
  );
});

/** Plays the executor: everything that a lane is told in production, in any order that it allows. */
class LaneBench {
  readonly #lane = createLane();
  readonly #held: Held[] = [];
  readonly #starts: { at: number; key: string }[] = [];
  #now = 10_000;

  perform({ kind, key: wanted, which, ms }: { kind: string; key: string; which: number; ms: number }): void {
    const lane = this.#lane;
    if (kind === 'pass') this.#now += ms;
    if (kind === 'pauseKey') lane.pauseKey(wanted, this.#now + ms);
    if (kind === 'take' && lane.tryTake(wanted, this.#now, this.#now))
      this.#held.push({ key: wanted, state: 'leased' });
    const held = this.#held[which % Math.max(1, this.#held.length)];
    if (held === undefined) return;
    if (kind === 'begin' && held.state === 'leased' && lane.roomToBegin > 0) this.#begin(held);
    if (kind === 'giveBack' && held.state === 'leased') this.#free(held, true);
    if (kind === 'end' && held.state === 'running') this.#end(held);
    if (kind === 'park' && held.state === 'running') {
      held.state = 'parked';
      held.slot = lane.park(held.key);
    }
    if (kind === 'return' && held.state === 'parked') {
      held.state = 'returning';
      void held.slot?.takeBack().then(() => {
        if (held.state === 'returning') held.state = 'running';
      });
    }
    if (kind === 'close' && (held.state === 'parked' || held.state === 'returning')) {
      held.slot?.close();
      this.#end(held);
    }
  }

  #begin(held: Held): void {
    held.state = 'running';
    this.#lane.started(held.key, this.#now);
    this.#lane.running += 1;
    this.#starts.push({ at: this.#now, key: held.key });
  }

  #end(held: Held): void {
    this.#lane.running -= 1;
    this.#free(held, false);
  }

  #free(held: Held, unstarted: boolean): void {
    this.#held.splice(this.#held.indexOf(held), 1);
    this.#lane.free(held.key, unstarted);
  }

  check(): void {
    const running = this.#held.filter(({ state }) => state === 'running');
    assert.ok(running.length <= LIMITS.localConcurrency, `${running.length} at once`);
    for (const [name, ofKey] of Map.groupBy(running, (each) => each.key)) {
      assert.ok(ofKey.length <= PER_KEY.concurrency, `${ofKey.length} of ${name} at once`);
    }
    const inWindow = this.#starts.filter(({ at }) => this.#now - at < RATE.perMs);
    assert.ok(inWindow.length <= RATE.limit, `${inWindow.length} starts in a window`);
    for (const [name, ofKey] of Map.groupBy(inWindow, (start) => start.key)) {
      assert.ok(ofKey.length <= PER_KEY.rate.limit, `${ofKey.length} starts of ${name} in a window`);
    }
  }

  /** Whatever happened, in the end every slot is there again. */
  finish(): void {
    for (const held of [...this.#held]) {
      if (held.state === 'leased') this.#free(held, true);
      else {
        held.slot?.close();
        this.#end(held);
      }
    }
    assert.deepEqual([this.#lane.leased, this.#lane.running], [0, 0]);
    this.#now += 10_000;
    assert.ok(this.#lane.tryTake('new', this.#now, this.#now));
  }
}

test('a paused key gets nothing until its time, and others go on', () => {
  const lane = createLane();
  lane.pauseKey('a', 5_000);
  assert.equal(lane.tryTake('a', 4_999, 0), false);
  assert.equal(lane.tryTake('b', 4_999, 0), true);
  assert.equal(lane.tryTake('a', 5_000, 0), true);
});

test('nothing new overtakes what waits', () => {
  const lane = createLane();
  lane.depth = 1;
  assert.equal(lane.tryTake('a', 0, 0), false);
  assert.equal(lane.claimRequest(0, 0)?.limit, 1);
});
