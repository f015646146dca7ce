import { messageOf, Recoverable, RetryAfter, Unrecoverable } from '@millrace/kit';
import { APICallError } from 'ai';
import type { ProviderSettings } from '../options.ts';
import { readRetryAfterMs } from './retry-after.ts';

/** Characters of a provider's own words that a message repeats at most. */
const QUOTE_CHARS_MAX = 300;
/** Characters of a provider's answer that are looked at. */
const ANSWER_CHARS_READ = 4000;
/** Client errors that may pass: timeout, conflict, too early, too many requests. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429]);

const ADVICE: Readonly<Record<number, string>> = {
  400: 'It refused the request: check the model, the token limit and the length of the input.',
  401: 'It refused the API key: check OPENAI_API_KEY.',
  402: 'It asks for payment: check the account.',
  403: 'The API key may not do this: check OPENAI_API_KEY and the rights of the account.',
  404: 'It knows no such path or model: check OPENAI_BASE_URL (usually ending in /v1) and OPENAI_MODEL.',
};

export interface FailureContext {
  readonly provider: ProviderSettings;
  readonly nowMs: number;
}

/**
 * What the command engine is to do about a failed call: wait (`RetryAfter`), retry (`Recoverable`) or give up
 * (`Unrecoverable`). The AI SDK's error is not kept as `cause`: it carries the request, and some providers repeat the
 * key in their answer.
 */
export function failureOf(error: unknown, context: FailureContext): Error {
  if (error instanceof Recoverable || error instanceof Unrecoverable) return error;
  const { status, headers, words } = read(error);
  const { provider } = context;
  const details = {
    host: new URL(provider.baseUrl).host,
    model: provider.model,
    ...(status === undefined ? {} : { status }),
  };
  const options = { code: 'EXTERNAL_SERVICE_ERROR', details } as const;
  const message = redact(describe(status, words), provider.apiKey);
  if (status === 429 && /insufficient_quota/.test(words)) return new Unrecoverable(message, options);
  if (status === 429 || status === 503) {
    const waitMs = readRetryAfterMs(headers, context.nowMs);
    if (waitMs !== undefined) return new RetryAfter(waitMs, message);
  }
  const final = status !== undefined && status >= 400 && status < 500 && !PASSING.has(status);
  return final ? new Unrecoverable(message, options) : new Recoverable(message, options);
}

interface ReadError {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What the provider, or the network, says. */
  readonly words: string;
}

function read(error: unknown): ReadError {
  if (!APICallError.isInstance(error)) return { status: undefined, headers: {}, words: wordsOf(error) };
  return {
    // A successful status belongs to an answer that could not be read.
    status: error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : undefined,
    headers: error.responseHeaders ?? {},
    words: (error.responseBody || error.message).slice(0, ANSWER_CHARS_READ),
  };
}

/** An error inside the stream is whatever JSON the provider sent. */
function wordsOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || error instanceof Error) return messageOf(error);
  const { message } = error as { message?: unknown };
  return typeof message === 'string' ? message : JSON.stringify(error);
}

function describe(status: number | undefined, words: string): string {
  const said = words.replace(/\s+/g, ' ').trim();
  if (status === undefined) return `The call of the model failed: ${said}`;
  const advice = ADVICE[status];
  return `The model's provider answered ${status}. ${advice === undefined ? '' : `${advice} `}It said: ${said}`;
}

/** Takes out the key and what looks like one, then cuts: cutting first could leave half a key. */
function redact(text: string, apiKey: string | undefined): string {
  const known = apiKey === undefined ? text : text.replaceAll(apiKey, '[key]');
  const clean = known.replace(/\b(?:sk|pk|key)-[\w*.-]{4,}/gi, '[key]').replace(/Bearer\s+\S+/gi, 'Bearer [key]');
  return clean.length > QUOTE_CHARS_MAX ? `${clean.slice(0, QUOTE_CHARS_MAX)}…` : clean;
}
