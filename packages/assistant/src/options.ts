import { type Clock, systemClock } from '@millrace/kit';
import { fail } from './errors.ts';

/** How EXECUTE_ASSISTANT answers. With neither `baseUrl` nor `model` it answers offline. */
export interface AssistantOptions {
  /** Root of an OpenAI-compatible API, such as `http://localhost:11434/v1`; without credentials, query or fragment. */
  readonly baseUrl?: string | undefined;
  /** The model's name at that API. Needed together with `baseUrl`. */
  readonly model?: string | undefined;
  /** Sent as a bearer token. Default: none (local models need none). Alone it changes nothing. */
  readonly apiKey?: string | undefined;
  /** The system message. Default: a short neutral one. */
  readonly instructions?: string | undefined;
  /** Tokens that an answer may have; 0 leaves it to the provider. Default 4,096. Too low cuts answers (`length`). */
  readonly maxOutputTokens?: number | undefined;
  /**
   * The longest silence of the provider in ms, the wait for the first chunk included. Default 60,000. Too low fails
   * models that think long before they speak.
   */
  readonly idleTimeoutMs?: number | undefined;
  /** The longest a whole call may take in ms; 0, the default, leaves that to the command's own timeout. */
  readonly requestTimeoutMs?: number | undefined;
  /** Calls at once across the fleet. Default 10 with a provider, 64 offline. */
  readonly concurrency?: number | undefined;
  /** Where time comes from. Default: the machine. */
  readonly clock?: Clock | undefined;
}

/** A provider, complete and checked. */
export interface ProviderSettings {
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly instructions: string;
  readonly maxOutputTokens: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface ResolvedOptions {
  /** Absent: offline. */
  readonly provider: ProviderSettings | undefined;
  readonly concurrency: number;
  readonly clock: Clock;
}

const DEFAULTS = {
  instructions: 'You are a careful assistant. Answer the request plainly and to the point.',
  maxOutputTokens: 4096,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 0,
  onlineConcurrency: 10,
  /** The extractor takes less than a millisecond on the event loop: the limit only bounds what is claimed at once. */
  offlineConcurrency: 64,
} as const;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ASSISTANT_OPTIONS_INVALID with what to set.
 */
export function resolveOptions(options: AssistantOptions): ResolvedOptions {
  const provider = resolveProvider(options);
  const fallback = provider === undefined ? DEFAULTS.offlineConcurrency : DEFAULTS.onlineConcurrency;
  return {
    provider,
    concurrency: wholeNumber('concurrency', options.concurrency ?? fallback, 1),
    clock: options.clock ?? systemClock,
  };
}

function resolveProvider(options: AssistantOptions): ProviderSettings | undefined {
  const { baseUrl, model } = options;
  if (!baseUrl && !model) return undefined;
  if (!baseUrl) throw invalid('The assistant has a model but no API: set OPENAI_BASE_URL (option baseUrl) too.');
  if (!model) throw invalid('The assistant has an API but no model: set OPENAI_MODEL (option model) too.');
  return {
    baseUrl: checkedUrl(baseUrl),
    model,
    apiKey: options.apiKey || undefined,
    instructions: options.instructions ?? DEFAULTS.instructions,
    maxOutputTokens: wholeNumber('maxOutputTokens', options.maxOutputTokens ?? DEFAULTS.maxOutputTokens, 0),
    idleTimeoutMs: wholeNumber('idleTimeoutMs', options.idleTimeoutMs ?? DEFAULTS.idleTimeoutMs, 1),
    requestTimeoutMs: wholeNumber('requestTimeoutMs', options.requestTimeoutMs ?? DEFAULTS.requestTimeoutMs, 0),
  };
}

function checkedUrl(baseUrl: string): string {
  const url = URL.parse(baseUrl);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid('OPENAI_BASE_URL (option baseUrl) must be an http or https URL, such as http://localhost:11434/v1.');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw invalid('OPENAI_BASE_URL (option baseUrl) must carry no credentials, query or fragment: use OPENAI_API_KEY.');
  }
  return url.href.replace(/\/$/, '');
}

function wholeNumber(name: string, value: number, minimum: number): number {
  if (Number.isSafeInteger(value) && value >= minimum) return value;
  throw invalid(`The assistant's option ${name} must be a whole number from ${minimum}.`);
}

function invalid(problem: string): Error {
  return fail('ASSISTANT_OPTIONS_INVALID', { details: { problem } });
}
