import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BinaryHeap, foregroundClock, sleep, systemClock, TIMER_DELAY_MS_MAX, VirtualClock } from '../src/index.ts';

describe('VirtualClock', () => {
  test('timers fire in order of their time, and of equals in the order of scheduling', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['late', 20],
      ['first', 10],
      ['second', 10],
      ['at once', 0],
      ['past', -5],
    ] as const) {
      clock.schedule(delayMs, () => fired.push(name));
    }
    clock.advance(20);
    assert.deepEqual(fired, ['at once', 'past', 'first', 'second', 'late']);
  });

  test('each timer sees its own instant', () => {
    const clock = new VirtualClock(1_000);
    const seen: number[][] = [];
    for (const delayMs of [5, 15]) clock.schedule(delayMs, () => seen.push([clock.now(), clock.monotonic()]));
    clock.advance(100);
    assert.deepEqual(seen, [
      [1_005, 5],
      [1_015, 15],
    ]);
    assert.deepEqual([clock.now(), clock.monotonic()], [1_100, 100]);
  });

  test('a timer that is scheduled while time advances fires in the same advance when it is due', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const tick = () => {
      seen.push(clock.monotonic());
      clock.schedule(10, tick);
    };
    clock.schedule(10, tick);
    clock.advance(35);
    assert.deepEqual(seen, [10, 20, 30]);
    assert.equal(clock.nextTimerMs(), 5);
  });

  test('a timer that does not fall due stays', () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.schedule(10, () => fired++);
    clock.advance(9);
    assert.equal(fired, 0);
    clock.advance(1);
    assert.equal(fired, 1);
    assert.equal(clock.nextTimerMs(), undefined);
  });

  test('a cancelled timer never fires, even when a timer of the same instant cancels it', () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.schedule(10, () => second.cancel());
    const second = clock.schedule(10, () => fired++);
    clock.advance(10);
    second.cancel();
    assert.equal(fired, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  test('a callback that advances the clock does not make time go back', () => {
    const clock = new VirtualClock();
    clock.schedule(10, () => clock.advance(100));
    clock.advance(20);
    assert.equal(clock.monotonic(), 110);
  });

  test('a jump moves the wall clock only', () => {
    const clock = new VirtualClock(0);
    let firedAt: number | undefined;
    clock.schedule(10, () => {
      firedAt = clock.now();
    });
    clock.jump(-5_000);
    assert.equal(clock.monotonic(), 0);
    clock.advance(10);
    assert.equal(firedAt, -4_990);
  });

  test('a hundred thousand timers, half of them cancelled, fire in order and leave nothing behind', () => {
    const clock = new VirtualClock();
    let last = 0;
    let fired = 0;
    const timers = Array.from({ length: 100_000 }, (_, index) =>
      clock.schedule((index * 7_919) % 100_003, () => {
        assert.ok(clock.monotonic() >= last);
        last = clock.monotonic();
        fired++;
      }),
    );
    for (const [index, timer] of timers.entries()) if (index % 2 === 0) timer.cancel();
    assert.equal(clock.pendingTimers, 50_000);
    clock.advance(100_003);
    assert.equal(fired, 50_000);
  });
});

describe('sleep', () => {
  test('ends when its time has come', async () => {
    const clock = new VirtualClock();
    const done = sleep(clock, 1_000);
    clock.advance(1_000);
    await done;
  });

  test('ends when the signal aborts, before or meanwhile, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const done = sleep(clock, 1_000, controller.signal);
    controller.abort();
    await done;
    await sleep(clock, 1_000, controller.signal);
    assert.equal(clock.nextTimerMs(), undefined);
  });
});

describe('systemClock', () => {
  test('a delay beyond the longest of Node does not fire at once', async () => {
    let fired = false;
    const timer = systemClock.schedule(TIMER_DELAY_MS_MAX * 2, () => {
      fired = true;
    });
    await sleep(foregroundClock, 5);
    assert.equal(fired, false);
    timer.cancel();
  });
});

describe('BinaryHeap', () => {
  test('gives back in order whatever was put in, with some dropped on the way', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (values) => {
        const heap = new BinaryHeap<number>((left, right) => left < right);
        for (const value of values) heap.push(value);
        heap.retain((value) => value % 3 !== 0);
        const taken: number[] = [];
        for (let value = heap.pop(); value !== undefined; value = heap.pop()) taken.push(value);
        const expected = values.filter((value) => value % 3 !== 0).sort((left, right) => left - right);
        assert.deepEqual(taken, expected);
      }),
    );
  });
});
