/** A provider that asks for a longer pause is asked again after this one, in ms. */
export const RETRY_AFTER_MS_MAX = 3_600_000;
/** A shorter pause (0, an instant in the past) becomes this one, in ms: such retries burn no attempt and must not spin. */
export const RETRY_AFTER_MS_MIN = 100;

/**
 * How long a provider asks to wait, in ms: `retry-after-ms`, else `Retry-After` in seconds or as a date (RFC 9110
 * §10.2.3). `undefined` when it asks for nothing that can be read.
 */
export function readRetryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const asked = readNumber(headers['retry-after-ms']) ?? readSecondsOrDate(headers['retry-after'], nowMs);
  if (asked === undefined) return undefined;
  return Math.ceil(Math.min(Math.max(asked, RETRY_AFTER_MS_MIN), RETRY_AFTER_MS_MAX));
}

function readNumber(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}

function readSecondsOrDate(value: string | undefined, nowMs: number): number | undefined {
  const seconds = readNumber(value);
  if (seconds !== undefined) return seconds * 1000;
  const at = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(at) ? undefined : at - nowMs;
}
