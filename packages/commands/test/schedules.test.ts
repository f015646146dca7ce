import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { type BatchItem, type SubmitInput, silentLogger, VirtualClock } from '@millrace/kit';
import fc from 'fast-check';
import { commandsError } from '../src/errors.ts';
import { MISSED_AFTER_MS, type MissedPolicy, type ScheduleInput } from '../src/schedules/schedule.ts';
import { createSchedules, type SchedulesOptions } from '../src/schedules/schedules.ts';
import { commandsSchema } from '../src/schema.ts';

/** A sink that keeps what was submitted, like the room: the same taskId is stored once. It can be made to fail. */
class Sink implements Pick<SchedulesOptions, 'commands'> {
  readonly stored = new Map<string, SubmitInput>();
  submissions = 0;
  refuseNext: 'busy' | 'gone' | undefined;
  readonly commands = {
    check: async (input: unknown) => {
      const { taskType } = input as SubmitInput;
      if (taskType === 'known') return;
      throw commandsError('UNKNOWN_TASK_TYPE', { details: { pointer: '/taskType', taskType, suggestion: '' } });
    },
    submit: async () => assert.fail('not used here'),
    submitMany: async (inputs: readonly unknown[]): Promise<readonly BatchItem[]> =>
      (inputs as SubmitInput[]).map((input) => this.#take(input)),
  };

  #take(input: SubmitInput): BatchItem {
    const taskId = input.taskId ?? assert.fail('a firing without taskId');
    const refusal = this.refuseNext;
    this.refuseNext = undefined;
    if (refusal === 'busy') return { taskId, error: commandsError('UNAVAILABLE').toBody() };
    if (refusal === 'gone') return { taskId, error: commandsError('UNKNOWN_TASK_TYPE').toBody() };
    this.submissions += 1;
    this.stored.set(taskId, input);
    return { taskId, status: 'ACCEPTED' };
  }

  ticks(scheduleId: string): number[] {
    return [...this.stored.keys()]
      .filter((taskId) => taskId.startsWith(`${scheduleId}-`))
      .map((taskId) => Number(taskId.slice(scheduleId.length + 1)) * 1_000);
  }
}

interface Env extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly sink: Sink;
  readonly options: SchedulesOptions;
}

async function createEnv(): Promise<Env> {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  const sink = new Sink();
  const options = { clock, store, logger: silentLogger, commands: sink.commands as never };
  return { clock, store, sink, options, [Symbol.asyncDispose]: () => store.stop() };
}

/** Lets everything that waits for no timer come to its end: the store answers by microtasks. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Moves time timer by timer, letting the service settle at each. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const end = clock.now() + ms;
  for (;;) {
    await settle();
    const next = clock.nextTimerMs();
    if (next === undefined || clock.now() + next > end) break;
    clock.advance(next);
  }
  clock.advance(end - clock.now());
  await settle();
}

const MINUTE = 60_000;
const hourly = (more: Partial<ScheduleInput> = {}): ScheduleInput => ({
  scheduleId: 'hourly',
  cron: '0 * * * *',
  command: { taskType: 'known', payload: { text: 'hello' } },
  ...more,
});

describe('a schedule', () => {
  it('fires at its ticks, under a taskId that says when, and moves on once that is durable', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    await schedules.start();
    const created = await schedules.create(hourly());
    assert.equal(created.nextAt, '2026-01-01T01:00:00.000Z');
    await pass(env.clock, 150 * MINUTE);
    const epoch = Date.UTC(2026, 0, 1) / 1_000;
    assert.deepEqual([...env.sink.stored.keys()], [`hourly-${epoch + 3_600}`, `hourly-${epoch + 7_200}`]);
    const { payload, correlationId } = env.sink.stored.get(`hourly-${epoch + 3_600}`) ?? assert.fail();
    assert.deepEqual({ payload, correlationId }, { payload: { text: 'hello' }, correlationId: 'hourly' });
    const { nextAt, lastAt } = await schedules.get('hourly');
    assert.deepEqual([lastAt, nextAt], ['2026-01-01T02:00:00.000Z', '2026-01-01T03:00:00.000Z']);
  });

  it('tries a firing again that could not be stored, and gives one up that is refused for good', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    await schedules.start();
    await schedules.create(hourly());
    env.sink.refuseNext = 'busy';
    await pass(env.clock, 61 * MINUTE);
    assert.equal(env.sink.submissions, 1);
    env.sink.refuseNext = 'gone';
    await pass(env.clock, 60 * MINUTE);
    assert.equal(env.sink.submissions, 1);
    assert.match((await schedules.get('hourly')).lastError ?? '', /No handler/);
    await pass(env.clock, 60 * MINUTE);
    assert.equal(env.sink.submissions, 2);
    assert.equal('lastError' in (await schedules.get('hourly')), false);
  });

  it('is changed, paused, resumed and removed at once', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    await schedules.start();
    await schedules.create(hourly());
    const changed = await schedules.update('hourly', { cron: '*/10 * * * *' });
    assert.equal(changed.nextAt, '2026-01-01T00:10:00.000Z');
    await pass(env.clock, 25 * MINUTE);
    assert.equal(env.sink.submissions, 2);
    assert.equal((await schedules.update('hourly', { enabled: false })).nextAt, null);
    await pass(env.clock, 60 * MINUTE);
    assert.equal(env.sink.submissions, 2);
    assert.equal((await schedules.update('hourly', { enabled: true })).nextAt, '2026-01-01T01:30:00.000Z');
    await pass(env.clock, 10 * MINUTE);
    assert.equal(env.sink.submissions, 3);
    await schedules.remove('hourly');
    await pass(env.clock, 60 * MINUTE);
    assert.equal(env.sink.submissions, 3);
    await assert.rejects(schedules.get('hourly'), { code: 'SCHEDULE_NOT_FOUND' });
  });

  it('keeps its next tick when only its command changes', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    await schedules.create(hourly());
    env.clock.advance(90 * MINUTE);
    const { nextAt } = await schedules.update('hourly', { command: { taskType: 'known' }, missed: 'run-once' });
    assert.equal(nextAt, '2026-01-01T01:00:00.000Z');
  });

  it('is refused with the pointer of what is wrong with it', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    await schedules.create(hourly());
    const faults: [Partial<ScheduleInput>, string][] = [
      [{ scheduleId: 'a b' }, '/scheduleId'],
      [{ scheduleId: 'x'.repeat(89) }, '/scheduleId'],
      [{ cron: '0 0 30 2 *' }, '/cron'],
      [{ timeZone: 'Berlin' }, '/timeZone'],
      [{ command: { taskType: 'strange' } }, '/command/taskType'],
      [{ command: { taskType: 'known', delay: 5 } as never }, '/command/delay'],
      [{ command: { taskType: 'known', payload: 'x'.repeat(70_000) } }, '/command'],
      [{ missed: 'whatever' as never }, '/missed'],
    ];
    for (const [fault, pointer] of faults) {
      await assert.rejects(schedules.create(hourly({ scheduleId: 'other', ...fault })), (error) => {
        assert.equal((error as { details: { pointer: string } }).details.pointer, pointer);
        return true;
      });
    }
    await assert.rejects(schedules.create(hourly()), { code: 'SCHEDULE_CONFLICT' });
    assert.equal((await schedules.list()).items.length, 1);
  });

  it('is listed by pages', async () => {
    await using env = await createEnv();
    await using schedules = createSchedules(env.options);
    for (const scheduleId of ['c', 'a', 'b']) await schedules.create(hourly({ scheduleId }));
    const first = await schedules.list({ limit: 2 });
    assert.deepEqual([first.items.map((item) => item.scheduleId), first.nextCursor], [['a', 'b'], 'b']);
    const second = await schedules.list({ limit: 2, cursor: 'b' });
    assert.deepEqual([second.items.map((item) => item.scheduleId), second.nextCursor], [['c'], null]);
  });
});

describe('over any stops, crashes and waits', () => {
  const step = fc.record({
    kind: fc.constantFrom('run', 'down', 'crash'),
    minutes: fc.integer({ min: 1, max: 200 }),
  });
  const ARBITRARY = [
    fc.constantFrom('*/7 * * * *', '30 2 * * *', '0 * * * *', '*/30 1-3 * * *'),
    fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
    fc.constantFrom<MissedPolicy>('skip', 'run-once', 'back-fill'),
    fc.constantFrom('2026-03-28T20:00Z', '2026-10-24T20:00Z', '2026-11-01T00:00Z', '2026-10-03T10:00Z'),
    fc.array(step, { minLength: 1, maxLength: 12 }),
  ] as const;

  it('no tick fires twice, and under back-fill none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(...ARBITRARY, async (cron, timeZone, missed, start, steps) => {
        await using env = await createEnv();
        env.clock.advance(Date.parse(start) - env.clock.now());
        let schedules = createSchedules(env.options);
        await schedules.create(hourly({ scheduleId: 's', cron, timeZone, missed }));
        for (const { kind, minutes } of steps) {
          if (kind === 'run') {
            await schedules.start();
            await pass(env.clock, minutes * MINUTE);
          } else {
            // A crash: what was submitted is there, what was to be written after it may be lost.
            const before = env.sink.submissions;
            if (kind === 'crash') env.sink.refuseNext = 'busy';
            await schedules.stop();
            env.sink.refuseNext = undefined;
            assert.ok(env.sink.submissions - before < 2_000);
            env.clock.advance(minutes * MINUTE);
            schedules = createSchedules(env.options);
          }
        }
        await schedules.start();
        await settle();
        await schedules.stop();
        const fired = env.sink.ticks('s');
        assert.equal(env.sink.submissions, fired.length, 'each tick was submitted once');
        assert.deepEqual(
          fired,
          fired.toSorted((left, right) => left - right),
        );
        if (missed === 'back-fill') assert.deepEqual(fired, await allTicks(cron, timeZone, start, env.clock.now()));
      }),
      { numRuns: 60 },
    );
  });
});

async function allTicks(cron: string, timeZone: string, start: string, now: number): Promise<number[]> {
  const { CronTicks } = await import('../src/schedules/cron-ticks.ts');
  const ticks = new CronTicks(cron, timeZone);
  const found: number[] = [];
  for (let at = ticks.after(Date.parse(start)); at !== undefined && at <= now; at = ticks.after(at)) found.push(at);
  return found;
}

describe('a crash between firing and moving on', () => {
  it('repeats the same taskIds, so that the ticks are replays', async () => {
    for (const missed of ['run-once', 'back-fill'] as const) {
      await using env = await createEnv();
      const first = createSchedules({ ...env.options, store: deafTo(env.store, 'commands.advanceSchedule') });
      await first.create(hourly({ missed }));
      env.clock.advance(5 * 60 * MINUTE);
      await first.start();
      await settle();
      await first.stop();
      const before = [...env.sink.stored.keys()];
      assert.ok(before.length > 0);
      env.clock.advance(3 * MISSED_AFTER_MS);
      const second = createSchedules(env.options);
      await second.start();
      await settle();
      await second.stop();
      assert.deepEqual([...env.sink.stored.keys()], before);
    }
  });
});

/** The same store, but one procedure never reaches it: the process died before. */
function deafTo(store: Store, name: string): Store {
  return new Proxy(store, {
    get(target, property) {
      if (property === 'write') {
        return (procedure: { name: string }, args: unknown) =>
          procedure.name === name ? Promise.reject(new Error('died')) : target.write(procedure as never, args);
      }
      const value = target[property as keyof Store] as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
