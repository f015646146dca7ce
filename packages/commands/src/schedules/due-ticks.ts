import { BACK_FILL_MAX, MISSED_AFTER_MS, type MissedPolicy } from './schedule.ts';

/** What to fire now, and where the schedule goes on. Instants are ms since the epoch. */
export interface DueTicks {
  readonly fire: readonly number[];
  /** The next tick; null when the pattern has no further one. */
  readonly next: number | null;
}

/** The first tick after an instant; `undefined` when there is none. */
export type TickAfter = (instant: number) => number | undefined;

export interface DueQuestion {
  /** The first tick that has not fired. */
  readonly from: number;
  readonly now: number;
  readonly missed: MissedPolicy;
  readonly after: TickAfter;
}

/** Late ticks of one pass; a pattern of every second has no more within `MISSED_AFTER_MS`. */
const LATE_TICKS_MAX = MISSED_AFTER_MS / 1_000 + 1;

/**
 * Decides which ticks fire: those that are merely late all do, those that were missed as the policy says. A pure
 * function of its question, and stable: asked again later with the same `from` it names the same missed ticks first.
 */
export function dueTicks({ from, now, missed, after }: DueQuestion): DueTicks {
  const lateSince = now - MISSED_AFTER_MS;
  const fire = from >= lateSince ? [] : missedTicks({ from, now: lateSince, missed, after });
  let tick: number | undefined = from >= lateSince ? from : after(lateSince - 1);
  for (let count = 0; tick !== undefined && tick <= now && count < LATE_TICKS_MAX; count++) {
    fire.push(tick);
    tick = after(tick);
  }
  return { fire, next: tick ?? null };
}

/** Ticks from `from` on and before `now`. */
function missedTicks({ from, now, missed, after }: DueQuestion): number[] {
  if (missed === 'skip') return [];
  const ticks = [from];
  if (missed === 'run-once') return ticks;
  for (let tick = after(from); tick !== undefined && tick < now && ticks.length < BACK_FILL_MAX; tick = after(tick)) {
    ticks.push(tick);
  }
  return ticks;
}
