import type { ParsedComponents, ParsedResult } from 'chrono-node';
import { casual } from 'chrono-node/en';
import type { DatePrecision, ExtractedDate } from '../results.ts';

/** Dates in one result at most; the rest of the text is not searched. */
export const DATES_MAX = 50;

/** "for 3 days", "for a second review": a duration or an ordinal, not a point in time. */
const DURATION = /^for\b/i;
/** Words that chrono reads as dates but that name none: "the sun sat", "we may", "it lasts", "at night". */
const PLAIN_WORD =
  /^(?:sun|sat|wed|may|march|mar|now|lasts?|Morning|Afternoon|Evening|Night|morning|afternoon|evening|night)$/;
/** "from 4 to 11", "at 14": numbers without am, pm or minutes are more often degrees, pages or house numbers. */
const PLAIN_NUMBERS = /^(?:(?:from|at|by|until) )?\d{1,2}(?: ?(?:to|until|-|–) ?\d{1,2})?$/i;
const DAYPART = /\b(?:morning|afternoon|evening|night|tonight|noon|midday|midnight)\b/i;
/**
 * Words before a day that lead chrono astray and are blanked, so that all else stays in its place: "from 3 May" is read
 * as three o'clock, "night of 9 August" as today.
 */
const BEFORE_DAY =
  /\b(?:from|(?:night|morning|afternoon|evening) of(?: the)?) (?=\d{1,2}(?:st|nd|rd|th)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))/gi;
const UNIT =
  /(?<!\p{L})(?:second|sec|minute|min|hour|hr|day|week|wk|month|mon?|quarter|qtr|year|yr|decade|[smhdwy])s?(?!\p{L})/giu;
/**
 * A piece of text with more units of time than this is no prose and is not searched: chrono's time grows with the cube
 * of their number (85 of them in a row took 193 ms).
 */
const UNITS_MAX = 25;
const RELATIVE = /\b(?:earlier|later|ago|before|after|within|hours?|days?|weeks?|months?)\b/i;
const DAY_MS = 86_400_000;
/** Years beyond 9999 have no ISO form that every reader takes. */
const INSTANT_MS_MAX = Date.UTC(9999, 11, 31);

export interface DateFinder {
  /** Searches the next piece of the text. */
  read(text: string): void;
  result(): readonly ExtractedDate[];
}

/**
 * Finds dates in English text, in UTC whatever the machine's zone is. They are relative to `reference`; a time alone
 * ("at 03:31") belongs to the day that the text named last.
 */
export function createDateFinder(reference: Date): DateFinder {
  const found = new Map<string, ExtractedDate>();
  let day = startOfDay(reference);
  return {
    read(text) {
      if (found.size >= DATES_MAX || (text.match(UNIT)?.length ?? 0) > UNITS_MAX) return;
      const searched = text.replace(BEFORE_DAY, (words) => ' '.repeat(words.length));
      for (const result of casual.parse(searched, { instant: reference, timezone: 0 })) {
        const shiftMs = isTimeAlone(result.start) ? day - startOfDay(reference) : 0;
        const date = toDate(result, shiftMs);
        if (date === undefined || found.size >= DATES_MAX) continue;
        if (namesDay(result.start, date.text)) day = startOfDay(new Date(date.at));
        found.set(`${date.text.toLowerCase()}|${date.at}`, date);
      }
    },
    result: () => [...found.values()],
  };
}

function isTimeAlone(parts: ParsedComponents): boolean {
  return (
    parts.isCertain('hour') && !(['day', 'weekday', 'month', 'year'] as const).some((part) => parts.isCertain(part))
  );
}

/** "two days earlier" is relative to what was said, which is not known here: times that follow do not go with it. */
function namesDay(parts: ParsedComponents, text: string): boolean {
  return (parts.isCertain('day') || parts.isCertain('weekday')) && !RELATIVE.test(text);
}

function startOfDay(date: Date): number {
  return Math.floor(date.getTime() / DAY_MS) * DAY_MS;
}

function toDate(result: ParsedResult, shiftMs: number): ExtractedDate | undefined {
  const text = result.text.trim().replace(/[,;.]$/, '');
  if (DURATION.test(text) || PLAIN_WORD.test(text) || PLAIN_NUMBERS.test(text)) return undefined;
  const precision = precisionOf(result.start, text);
  const at = instantOf(result.start, precision, shiftMs);
  const until = result.end == null ? undefined : instantOf(result.end, precisionOf(result.end, text), shiftMs);
  if (at === undefined) return undefined;
  return { text, at, ...(until === undefined ? {} : { until }), precision };
}

function precisionOf(parts: ParsedComponents, text: string): DatePrecision {
  if (parts.isCertain('hour')) return 'minute';
  if (DAYPART.test(text)) return 'daypart';
  if (parts.isCertain('day') || parts.isCertain('weekday')) return 'day';
  return parts.isCertain('month') ? 'month' : 'year';
}

/** The instant, cut down to where the known period begins (chrono fills in noon, or the time of the reference). */
function instantOf(parts: ParsedComponents, precision: DatePrecision, shiftMs: number): string | undefined {
  const date = new Date(parts.date().getTime() + shiftMs);
  if (!(Math.abs(date.getTime()) <= INSTANT_MS_MAX)) return undefined;
  if (precision === 'minute' || precision === 'daypart') return date.toISOString();
  const month = precision === 'year' ? 0 : date.getUTCMonth();
  const day = precision === 'day' ? date.getUTCDate() : 1;
  date.setUTCMonth(month, day);
  date.setUTCHours(0, 0, 0, 0);
  return date.toISOString();
}
