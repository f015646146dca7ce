import type { BatchItem, SubmitInput, Timer } from '@millrace/kit';
import { advanceSchedule, READ_DUE_SCHEDULES, READ_NEXT_TICK } from '../sql/schedule-procedures.ts';
import { CronTicks } from './cron-ticks.ts';
import { dueTicks } from './due-ticks.ts';
import { firingTaskId, type ScheduledCommand, type ScheduleRow } from './schedule.ts';
import type { SchedulesOptions } from './schedule-options.ts';

/** The store is asked at least this often, in ms: for clocks that jump and for schedules that others store. */
const POLL_MS = 60_000;
/** After a firing that could not be stored it is tried again after so long, in ms. */
const RETRY_MS = 2_000;
/** Firings submitted together: a long back-fill must fit through admission. */
const FIRINGS_PER_BATCH = 100;
/** Schedules fired by one step. */
const SCHEDULES_PER_STEP = 100;

/**
 * Fires what is due. The one promise to keep is in the order of its steps: the firings are durable before the schedule
 * moves on. A crash between the two repeats the firings, whose taskIds follow from the ticks: they are replays.
 */
export class ScheduleTimer {
  readonly #options: SchedulesOptions;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #pass: Promise<void> | undefined;
  #again = false;
  /** Firings since the start, and those that the room refused for good. */
  readonly counts = { fired: 0, refused: 0 };

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    await this.#pass;
  }

  /** A schedule's next tick may be earlier than the one that is waited for. */
  expect(nextAt: number | null): void {
    if (nextAt !== null && this.#state === 'running') this.#wakeAt(nextAt);
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    const { clock } = this.#options;
    this.#timer = clock.schedule(Math.max(0, at - clock.now()), () => this.#wake());
  }

  #wake(): void {
    if (this.#state !== 'running') return;
    this.#timer?.cancel();
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#pass !== undefined) {
      this.#again = true;
      return;
    }
    this.#pass = this.#run().finally(() => {
      this.#pass = undefined;
      if (this.#again) {
        this.#again = false;
        this.#wake();
      }
    });
  }

  async #run(): Promise<void> {
    const { store, clock, logger } = this.#options;
    let wait = POLL_MS;
    try {
      while (this.#state === 'running') {
        const due = await store.lookup<ScheduleRow>(READ_DUE_SCHEDULES, clock.now(), SCHEDULES_PER_STEP);
        if (due.length === 0) break;
        const fired = await Promise.all(due.map((row) => this.#fire(row)));
        if (fired.includes(false)) {
          wait = RETRY_MS;
          break;
        }
      }
      const [next] = await store.lookup<{ next_at: number }>(READ_NEXT_TICK);
      if (next !== undefined) wait = Math.min(wait, Math.max(next.next_at - clock.now(), wait === POLL_MS ? 0 : wait));
    } catch (error) {
      wait = RETRY_MS;
      logger.error('Schedules could not be read', { error });
    }
    if (this.#state === 'running') this.#wakeAt(clock.now() + wait);
  }

  /** @returns false when it has to be tried again */
  async #fire(row: ScheduleRow): Promise<boolean> {
    const { clock, commands, store, logger } = this.#options;
    const scheduleId = row.schedule_id;
    try {
      const from = row.next_at ?? 0;
      const ticks = new CronTicks(row.cron, row.time_zone);
      const due = dueTicks({ from, now: clock.now(), missed: row.missed, after: (instant) => ticks.after(instant) });
      const items: BatchItem[] = [];
      for (let start = 0; start < due.fire.length; start += FIRINGS_PER_BATCH) {
        const batch = due.fire.slice(start, start + FIRINGS_PER_BATCH);
        items.push(...(await commands.submitMany(batch.map((tick) => commandOf(row, firingTaskId(scheduleId, tick))))));
        if (items.some(isRefusedForNow)) return false;
      }
      const refused = items.findLast(isRefused);
      const lastError = refused === undefined ? null : refused.error.message;
      if (lastError !== null) logger.error('A schedule fires what is refused', { metadata: { scheduleId, lastError } });
      this.counts.fired += due.fire.length;
      this.counts.refused += items.filter(isRefused).length;
      const lastAt = due.fire.at(-1) ?? null;
      const { revision } = row;
      await store.write(advanceSchedule, { scheduleId, revision, from, next: due.next, lastAt, lastError });
      return true;
    } catch (error) {
      logger.error('A schedule could not fire', { error, metadata: { scheduleId } });
      return false;
    }
  }
}

/** What a firing submits. */
export function commandOf(row: ScheduleRow, taskId: string): SubmitInput {
  const command = JSON.parse(row.command) as ScheduledCommand;
  return { correlationId: row.schedule_id, ...command, taskId };
}

type Refusal = Extract<BatchItem, { readonly error: unknown }>;

/** A conflict is a tick that fired before its schedule was changed: not a refusal. */
function isRefused(item: BatchItem): item is Refusal {
  return 'error' in item && item.error.code !== 'COMMAND_CONFLICT';
}

function isRefusedForNow(item: BatchItem): boolean {
  return isRefused(item) && item.error.retryable;
}
