/** The longest that a request waits for a command to end, in seconds. */
export const WAIT_SECONDS_MAX = 30;

/** What the client asked for in `Prefer` (RFC 7240), as far as it is granted. */
export interface Preferences {
  readonly waitMs: number;
  /** The value of `Preference-Applied`, when there was something to apply. */
  readonly applied: string | undefined;
}

const NONE: Preferences = Object.freeze({ waitMs: WAIT_SECONDS_MAX * 1_000, applied: undefined });
const AT_ONCE: Preferences = Object.freeze({ waitMs: 0, applied: 'respond-async' });

/**
 * Reads `Prefer`. Alone, `respond-async` means not to wait; beside `wait=N` it means to wait so long and then answer
 * 202, as `wait=N` does by itself (§4.3). Of a preference given twice the first counts (§2); what is not understood is ignored.
 */
export function preferencesOf(header: string | readonly string[] | undefined): Preferences {
  if (header === undefined || header.length === 0) return NONE;
  const text = typeof header === 'string' ? header : header.join(',');
  let seconds: number | undefined;
  let isAsync = false;
  for (const part of text.split(',')) {
    const [name = '', value = ''] = (part.split(';', 1)[0] ?? '').split('=', 2).map((side) => side.trim());
    if (name.toLowerCase() === 'respond-async') isAsync = true;
    if (name.toLowerCase() === 'wait' && seconds === undefined) seconds = secondsOf(value);
  }
  if (seconds === undefined) return isAsync ? AT_ONCE : NONE;
  return { waitMs: seconds * 1_000, applied: `${isAsync ? 'respond-async, ' : ''}wait=${seconds}` };
}

function secondsOf(value: string): number | undefined {
  const digits = /^"?(\d{1,9})"?$/.exec(value)?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), WAIT_SECONDS_MAX);
}
