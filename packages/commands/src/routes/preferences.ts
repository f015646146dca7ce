/** The longest that a request waits for a command to end, in ms; a setting may lower it. */
export const WAIT_MS_MAX = 30_000;

/** What the client asked for in `Prefer` (RFC 7240), as far as it is granted. */
export interface Preferences {
  readonly waitMs: number;
  /** The value of `Preference-Applied`, when there was something to apply. */
  readonly applied: string | undefined;
}

const AT_ONCE: Preferences = Object.freeze({ waitMs: 0, applied: 'respond-async' });

/**
 * Reads `Prefer`. Alone, `respond-async` means not to wait; beside `wait=N` it means to wait so long and then answer
 * 202, as `wait=N` does by itself (§4.3). Of a preference given twice the first counts (§2); what is not understood is ignored.
 *
 * @param waitMsMax the longest wait that is granted, and the one without `Prefer`
 */
export function preferencesOf(header: string | readonly string[] | undefined, waitMsMax: number): Preferences {
  if (header === undefined || header.length === 0) return { waitMs: waitMsMax, applied: undefined };
  const text = typeof header === 'string' ? header : header.join(',');
  let seconds: number | undefined;
  let isAsync = false;
  for (const part of text.split(',')) {
    const [name = '', value = ''] = (part.split(';', 1)[0] ?? '').split('=', 2).map((side) => side.trim());
    if (name.toLowerCase() === 'respond-async') isAsync = true;
    if (name.toLowerCase() === 'wait' && seconds === undefined) seconds = secondsOf(value);
  }
  if (seconds === undefined) return isAsync ? AT_ONCE : { waitMs: waitMsMax, applied: undefined };
  const waitMs = Math.min(seconds * 1_000, waitMsMax);
  return { waitMs, applied: `${isAsync ? 'respond-async, ' : ''}wait=${Math.floor(waitMs / 1_000)}` };
}

function secondsOf(value: string): number | undefined {
  const digits = /^"?(\d{1,9})"?$/.exec(value)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
