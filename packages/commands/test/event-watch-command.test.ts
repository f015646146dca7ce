import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { VirtualClock } from '@millrace/kit';
import { eventually, shortOrLong } from '@millrace/testkit';
import fc from 'fast-check';
import { PROGRESS_VALUE_CHARACTERS_MAX, PROGRESS_VALUES_MAX } from '../src/event-progress.ts';
import type { Commands, EventMessage } from '../src/index.ts';
import { all, first, kinds, STORES, stable, startEvents } from './event-env.ts';

for (const kind of STORES) {
  describe(`the events of one command over ${kind}`, () => {
    it('tells a success and ends with it, live and from the store alike', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'gated' });
      const live = all(env.room.watch('a'));
      env.open();
      assert.deepEqual(kinds(await live), ['queued 0', 'started 1', 'succeeded 1']);
      const replayed = await all(env.room.watch('a'));
      assert.deepEqual(kinds(replayed), kinds(await live));
      assert.deepEqual(
        replayed.map(({ id }) => id),
        ['1', '2', '3'],
      );
    });

    it('tells each retry with its error and the time of the next attempt', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'flaky' });
      const events = await all(env.room.watch('a'));
      assert.deepEqual(kinds(events), ['queued 0', 'started 1', 'retrying 1', 'started 2', 'succeeded 2']);
      const retrying = events[2];
      assert.ok(retrying?.type === 'command.retrying' && retrying.nextAttemptAt !== undefined);
      assert.equal(retrying.error?.message, 'Not yet.');
    });

    it('tells failures, partial successes and their errors', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'broken' });
      await env.room.submit({ taskId: 'b', taskType: 'partly' });
      const failed = (await all(env.room.watch('a'))).at(-1);
      assert.ok(failed?.type === 'command.failed');
      assert.equal(failed.error?.message, 'It never works.');
      const partly = (await all(env.room.watch('b'))).at(-1);
      assert.ok(partly?.type === 'command.succeeded');
      assert.equal(partly.status, 'PARTIAL_SUCCESS');
    });

    it('tells a cancellation before the start and during the run', async () => {
      await using env = await startEvents(kind);
      await env.room.pauseType('fine');
      await env.room.submit({ taskId: 'queued', taskType: 'fine' });
      await env.room.submit({ taskId: 'running', taskType: 'gated' });
      const live = [all(env.room.watch('queued')), all(env.room.watch('running'))] as const;
      await eventually(() => assert.equal(env.room.eventStats().commandSubscribers, 2));
      await env.room.cancel('queued');
      await env.room.cancel('running');
      assert.deepEqual(kinds(await live[0]), ['queued 0', 'cancelled 0']);
      assert.deepEqual(kinds(await live[1]), ['queued 0', 'started 1', 'cancelled 1']);
    });

    it('goes on with the ids of the history in the next run and replays all of it', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'broken' });
      const before = await all(env.room.watch('a'));
      await env.room.retry('a');
      const after = await all(env.room.watch('a', { lastEventId: before.at(-1)?.id }));
      assert.deepEqual(kinds(after), ['queued 0', 'started 1', 'failed 1']);
      assert.deepEqual(stable(await all(env.room.watch('a'))), stable([...before, ...after]));
    });

    it('resumes after any event and gives the rest once', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'flaky' });
      const whole = await all(env.room.watch('a'));
      for (const [index, { id }] of whole.entries()) {
        const rest = await all(env.room.watch('a', { lastEventId: id }));
        assert.deepEqual(stable(rest), stable(whole.slice(index + 1)));
      }
    });

    it('neither loses nor repeats an event when subscribers come and go over many runs', async () => {
      const visits = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(visits, async (counts) => {
          await using env = await startEvents(kind);
          await env.room.submit({ taskId: 'a', taskType: 'broken' });
          const produced = runAgain(env.room, 4);
          const seen: EventMessage[] = [];
          for (let visit = 0; seen.length < 12; visit++) {
            // A visit between two runs ends at once: without a turn of the loop nothing else would ever happen.
            await setImmediate();
            const count = Math.min(12 - seen.length, counts[visit % counts.length] as number);
            seen.push(...(await first(count, env.room.watch('a', { lastEventId: seen.at(-1)?.id ?? '0' }))));
          }
          await produced;
          assert.deepEqual(stable(seen), stable(await all(env.room.watch('a'))));
        }),
        { numRuns: kind === 'memory' ? shortOrLong(50, 1_000) : shortOrLong(5, 50) },
      );
    });

    it('answers an unknown id with the command as it is', async () => {
      await using env = await startEvents(kind);
      await env.room.submit({ taskId: 'a', taskType: 'fine' });
      await all(env.room.watch('a'));
      for (const lastEventId of ['99', 'nonsense', '-1', '1-2']) {
        const [reset, ...rest] = await all(env.room.watch('a', { lastEventId }));
        assert.ok(reset?.type === 'reset');
        assert.deepEqual([reset.id, rest], ['3', []]);
        assert.equal((reset.snapshot as { status: string }).status, 'SUCCESS');
      }
    });

    it('tells the takeover of a dead process, and poison in the end', async () => {
      await using env = await startEvents(kind, { clock: new VirtualClock() });
      await env.room.submit({ taskId: 'a', taskType: 'gated' });
      for (let crash = 1; crash <= 3; crash++) {
        await first(2 * crash, (await env.reopen({ clock: new VirtualClock() })).watch('a'));
      }
      const events = await all(env.room.watch('a'));
      assert.deepEqual(kinds(events), [
        ...['queued 0', 'started 1', 'retrying 1', 'started 2', 'retrying 2', 'started 3', 'failed 3'],
      ]);
    });
  });
}

/** Runs a command again that fails in every run. */
async function runAgain(room: Commands, runs: number): Promise<void> {
  for (let run = 1; run < runs; run++) {
    await room.waitForOutcome('a', { waitMs: 5_000 });
    await room.retry('a');
  }
  await room.waitForOutcome('a', { waitMs: 5_000 });
}

describe('the events of one command', () => {
  it('tells that a command expired, with the attempts it had', async () => {
    const clock = new VirtualClock();
    await using env = await startEvents('memory', { clock });
    await env.room.pauseType('fine');
    const expiresAt = new Date(clock.now() + 1_000).toISOString();
    await env.room.submit({ taskId: 'a', taskType: 'fine', expiresAt });
    const live = all(env.room.watch('a'));
    clock.advance(1_001);
    await env.room.resumeType('fine');
    assert.deepEqual(kinds(await live), ['queued 0', 'expired 0']);
  });

  it('tells that a command expired while it waited for its next attempt', async () => {
    const clock = new VirtualClock();
    await using env = await startEvents('memory', { clock, random: () => 0.9 });
    const expiresAt = new Date(clock.now() + 1_000).toISOString();
    const stream = first(4, env.room.watch(undefined));
    await env.room.submit({ taskId: 'a', taskType: 'flaky', expiresAt });
    await env.room.pauseType('flaky');
    const live = all(env.room.watch('a'));
    await first(3, env.room.watch('a'));
    clock.advance(1_001);
    await env.room.resumeType('flaky');
    assert.deepEqual(kinds(await live), ['queued 0', 'started 1', 'retrying 1', 'expired 1']);
    assert.deepEqual(kinds(await stream), kinds(await live));
  });

  it('tells subscribers of another process that a dead one was taken over', async () => {
    await using env = await startEvents('memory', { clock: new VirtualClock(), alone: false });
    await env.room.submit({ taskId: 'a', taskType: 'gated' });
    const clock = new VirtualClock();
    const room = await env.reopen({ clock });
    const live = all(room.watch('a'));
    const stream = first(2, room.watch(undefined));
    await eventually(() => assert.equal(room.eventStats().commandSubscribers, 1));
    await eventually(async () => {
      clock.advance(1_000);
      assert.equal((await room.get('a')).attempts, 2);
    });
    env.open();
    assert.deepEqual(kinds(await live), ['queued 0', 'started 1', 'retrying 1', 'started 2', 'succeeded 2']);
    assert.deepEqual(kinds(await stream), ['retrying 1', 'started 2']);
  });

  it('gives late subscribers what the running attempt has reported, before its end', async () => {
    await using env = await startEvents('memory');
    await env.room.submit({ taskId: 'a', taskType: 'telling', payload: {} });
    const early = ['queued 0', 'started 1', 'progress 1=1', 'progress 1=2'];
    assert.deepEqual(kinds(await first(4, env.room.watch('a'))), early);
    const late = all(env.room.watch('a', { lastEventId: '2' }));
    await eventually(() => assert.equal(env.room.eventStats().commandSubscribers, 1));
    env.open();
    assert.deepEqual(kinds(await late), ['progress 1=1', 'progress 1=2', 'progress 1="last"', 'succeeded 1']);
    assert.equal(env.room.eventStats().progressCommands, 0);
    assert.deepEqual(kinds(await all(env.room.watch('a'))), ['queued 0', 'started 1', 'succeeded 1']);
  });

  it('keeps the last values of an attempt only, and none that is too large', async () => {
    await using env = await startEvents('memory');
    const count = PROGRESS_VALUES_MAX + 44;
    await env.room.submit({ taskId: 'a', taskType: 'telling', payload: { count } });
    const seen = kinds(await first(2 + PROGRESS_VALUES_MAX, env.room.watch('a')));
    assert.deepEqual([seen[2], seen.at(-1)], ['progress 1=45', `progress 1=${count}`]);
    const value = 'x'.repeat(PROGRESS_VALUE_CHARACTERS_MAX);
    await env.room.submit({ taskId: 'b', taskType: 'telling', payload: { value } });
    await eventually(() => assert.equal(env.room.eventStats().progressRefused, 2));
  });

  it('refuses a command that is not there', async () => {
    await using env = await startEvents('memory');
    await assert.rejects(all(env.room.watch('nobody')), { code: 'COMMAND_NOT_FOUND' });
  });

  it('ends when its signal aborts and when the room stops', async () => {
    await using env = await startEvents('memory');
    await env.room.submit({ taskId: 'a', taskType: 'gated' });
    const abort = new AbortController();
    const aborted = all(env.room.watch('a', { signal: abort.signal }));
    const stopped = all(env.room.watch('a'));
    const everything = all(env.room.watch(undefined));
    await eventually(() => assert.equal(env.room.eventStats().commandSubscribers, 2));
    abort.abort();
    assert.deepEqual(kinds(await aborted), ['queued 0', 'started 1']);
    await env.room.stop();
    await Promise.all([stopped, everything]);
    const { commandSubscribers, streamSubscribers } = env.room.eventStats();
    assert.deepEqual([commandSubscribers, streamSubscribers], [0, 0]);
  });
});
