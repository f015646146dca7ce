import { messageOf } from '@millrace/kit';
import { Cron } from 'croner';
import { invalid } from '../errors.ts';

const CRON_CHARACTERS_MAX = 200;
const ZONE_CHARACTERS_MAX = 100;
const MS_PER_SECOND = 1_000;

/**
 * The instants at which a cron pattern fires in a time zone.
 *
 * Where clocks change (Vixie cron's rule, as croner implements it):
 * - A pattern of fixed times (no `*`, no `/` among seconds, minutes and hours: `30 2 * * *`) fires once for each of its
 *   times. One that falls into the gap fires at the first instant after it; one that comes twice fires the first time.
 * - Any other pattern (every 15 minutes) follows the clock: times inside the gap do not exist, and in the fold it fires
 *   in both hours, so that the distance between ticks stays even.
 */
export class CronTicks {
  readonly #cron: Cron;

  /** @throws VALIDATION_ERROR at `/cron` or `/timeZone` */
  constructor(cron: string, timeZone: string) {
    checkZone(timeZone);
    this.#cron = parse(cron, timeZone);
  }

  /** The first tick after an instant, in ms since the epoch; `undefined` when there is none. */
  after(instant: number): number | undefined {
    // croner reckons in whole seconds; a tick is always one.
    let from = Math.floor(instant / MS_PER_SECOND) * MS_PER_SECOND;
    for (let tries = 0; tries < 3; tries++) {
      const next = this.#cron.nextRun(new Date(from))?.getTime();
      if (next === undefined || next > instant) return next;
      from += MS_PER_SECOND;
    }
    return undefined;
  }
}

function checkZone(timeZone: string): void {
  try {
    if (timeZone.length > ZONE_CHARACTERS_MAX) throw new RangeError('too long');
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw invalid('/timeZone', 'timeZone must be the name of an IANA time zone, like Europe/Berlin or UTC.');
  }
  if (/^[+-]/.test(timeZone)) throw invalid('/timeZone', 'timeZone must be a name, not an offset: offsets change.');
}

function parse(cron: string, timezone: string): Cron {
  const fields = cron.trim().split(/\s+/);
  if (cron.length > CRON_CHARACTERS_MAX || fields.length < 5 || fields.length > 6) {
    throw invalid('/cron', 'cron must have 5 fields (minute hour day month weekday), or 6 with seconds in front.');
  }
  // croner puts the present moment in its place, which would be another pattern after every restart.
  if (cron.includes('?')) throw invalid('/cron', 'cron must not contain "?". Use "*".');
  try {
    const mode = '5-or-6-parts' as const;
    return new Cron(fields.join(' '), { timezone, mode, paused: true, fixedTimeRule: 'no-wildcard' });
  } catch (error) {
    throw invalid('/cron', `cron cannot be read: ${messageOf(error)}`);
  }
}
