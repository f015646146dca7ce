import { type Clock, defineCommand, Recoverable, RetryAfter, type Service, Unrecoverable } from '@millrace/kit';
import { Type } from 'typebox';
import type { Agent } from 'undici';
import { hostOf, RefusedAddress, type UrlGuard } from './url-guard.ts';
import { signWebhook } from './webhook-signature.ts';

/** The type of the commands that deliver webhooks. Names beginning with `millrace.` are the house's own. */
export const WEBHOOK_TYPE = 'millrace.webhook';

/** A receiver has so long to answer, in ms. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The attempt as a whole, in ms: a little more, so that the answer's own timeout says what happened. */
const ATTEMPT_TIMEOUT_MS = 15_000;
/** Of an answer no more is read. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** Characters of an answer that a failure quotes. */
const QUOTE_CHARACTERS_MAX = 200;
/** Attempts in all: with the delays below they span about half an hour. */
const ATTEMPTS_MAX = 8;
/** Attempts at a receiver that calls the delivery itself wrong (4xx). */
const REFUSED_ATTEMPTS_MAX = 3;
/** `Retry-After` is honoured up to so much, in ms. */
const RETRY_AFTER_MS_MAX = 3_600_000;
/** A receiver that asks for patience gets it so long, in ms. */
const PATIENCE_MS_MAX = 24 * 3_600_000;
/** Deliveries at once, in all and to one host. */
const CONCURRENCY = 50;
const CONCURRENCY_PER_HOST = 5;

export const DeliverySchema = Type.Object({
  url: Type.String(),
  /** The text that is sent: the same bytes in every attempt. */
  body: Type.String(),
});

export interface WebhookDeliveryOptions {
  readonly clock: Clock;
  readonly guard: UrlGuard;
  /** Signs deliveries; without one they go unsigned. */
  readonly secret: string | undefined;
  /** Default 10,000 ms. */
  readonly answerTimeoutMs?: number | undefined;
}

/** POSTs outcomes to where their submitters asked. `stop` closes its connections. */
export class WebhookDelivery implements Pick<Service, 'stop'> {
  readonly #options: WebhookDeliveryOptions;
  #agent: Promise<Agent> | undefined;

  constructor(options: WebhookDeliveryOptions) {
    this.#options = options;
  }

  /** The command type that delivers: its retries, its limits, its handler. */
  definition() {
    return defineCommand({
      type: WEBHOOK_TYPE,
      payload: DeliverySchema,
      timeoutMs: ATTEMPT_TIMEOUT_MS,
      retries: { maxAttempts: ATTEMPTS_MAX, initialDelayMs: 5_000, maxDelayMs: 600_000, factor: 3 },
      concurrency: CONCURRENCY,
      perKey: { concurrency: CONCURRENCY_PER_HOST },
      handler: async ({ taskId, payload, createdAt }, { attempt, signal }) => {
        const answer = await this.#post({ id: taskId, ...payload }, signal);
        return this.#judge(answer, { attempt, createdAt });
      },
    });
  }

  async stop(): Promise<void> {
    await (await this.#agent)?.destroy();
  }

  /** Loaded with the first delivery: the HTTP client costs every start time and memory, and few use webhooks. */
  async #openAgent(): Promise<Agent> {
    const { guard, answerTimeoutMs: timeout = ANSWER_TIMEOUT_MS } = this.#options;
    const { Agent: HttpAgent } = await import('undici');
    return new HttpAgent({
      connect: { lookup: guard.lookup, timeout },
      headersTimeout: timeout,
      bodyTimeout: timeout,
      connections: CONCURRENCY_PER_HOST,
      keepAliveTimeout: 1_000,
      maxHeaderSize: ANSWER_BYTES_MAX,
    });
  }

  async #post({ id, url, body }: { id: string; url: string; body: string }, signal: AbortSignal): Promise<Answer> {
    const { clock, secret, answerTimeoutMs = ANSWER_TIMEOUT_MS } = this.#options;
    const timestamp = Math.floor(clock.now() / 1_000);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'millrace',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
    };
    if (secret !== undefined) headers['webhook-signature'] = signWebhook({ id, timestamp, body }, secret);
    this.#agent ??= this.#openAgent();
    const dispatcher = await this.#agent;
    // The whole exchange has one deadline: a body that trickles would never reach the others.
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    try {
      const target = this.#options.guard.check(url);
      const { origin, pathname, search } = target;
      const response = await dispatcher.request({
        ...{ origin, path: `${pathname}${search}`, method: 'POST', headers, body, signal: deadline },
      });
      const retryAfter = response.headers['retry-after'];
      const text = await readStart(response.body);
      return { status: response.statusCode, retryAfter: [retryAfter].flat()[0], text };
    } catch (error) {
      throw this.#failure(error, signal, url);
    }
  }

  #failure(error: unknown, signal: AbortSignal, url: string): unknown {
    if (signal.aborted) return signal.reason;
    const cause = error as { readonly code?: unknown; readonly name?: unknown; readonly message?: string };
    if (error instanceof RefusedAddress || cause.code === 'VALIDATION_ERROR') {
      return new Unrecoverable(`The callback must not be called: ${cause.message}`, { code: 'VALIDATION_ERROR' });
    }
    const why = cause.name === 'TimeoutError' ? 'it did not answer in time' : (cause.message ?? 'no connection');
    const host = hostOf(new URL(url));
    return new Recoverable(`The receiver at ${host} could not be reached: ${why}`, { code: 'EXTERNAL_SERVICE_ERROR' });
  }

  #judge({ status, retryAfter, text }: Answer, at: { readonly attempt: number; readonly createdAt: Date }) {
    if (status >= 200 && status < 300) return { status };
    const failure = { code: 'EXTERNAL_SERVICE_ERROR', details: { status, answer: text } } as const;
    const message = `The receiver answered ${status}.`;
    if (status === 410) throw new Unrecoverable(message, failure);
    const now = this.#options.clock.now();
    const waitMs = status === 429 || status === 503 ? retryAfterMs(retryAfter, now) : undefined;
    if (waitMs !== undefined && now - at.createdAt.getTime() < PATIENCE_MS_MAX) throw new RetryAfter(waitMs, message);
    // Redirects are not followed: they could lead where the guard would not let us, and a receiver has one address.
    const isRefusal = status >= 300 && status < 500 && status !== 408 && status !== 425 && status !== 429;
    if (isRefusal && at.attempt >= REFUSED_ATTEMPTS_MAX) throw new Unrecoverable(message, failure);
    throw new Recoverable(message, failure);
  }
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** The first characters of an answer; a longer one is cut off, and its connection with it. */
async function readStart(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (bytes < QUOTE_CHARACTERS_MAX * 4) chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString('utf8').toWellFormed().slice(0, QUOTE_CHARACTERS_MAX);
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 1_000), RETRY_AFTER_MS_MAX);
}
