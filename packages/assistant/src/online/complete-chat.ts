import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { type Clock, Recoverable, Unrecoverable } from '@millrace/kit';
import { type LanguageModelUsage, streamText, type TextStreamPart, type ToolSet } from 'ai';
import type { ProviderSettings } from '../options.ts';
import type { CompletionOutput, CompletionUsage } from '../results.ts';
import { createCallWatch } from './call-watch.ts';
import { failureOf } from './provider-failure.ts';

/** An answer that grows beyond this is broken off: results above 1 MiB are refused by the engine anyway. */
export const ANSWER_CHARS_MAX = 250_000;
/** OpenAI's own API wants the newer name of the token limit; most compatible servers know only the older one. */
const OPENAI_HOST = 'api.openai.com';

export interface ChatRequest {
  readonly prompt: string;
  readonly instructions: string;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

interface ChatSetup {
  readonly provider: ProviderSettings;
  readonly clock: Clock;
}

/**
 * One streamed chat completion, without retries of its own (the command engine retries).
 *
 * @throws RetryAfter | Recoverable | Unrecoverable; the signal's reason when it aborts.
 */
export async function completeChat(setup: ChatSetup, request: ChatRequest): Promise<CompletionOutput> {
  const { provider, clock } = setup;
  const watch = createCallWatch(clock, provider);
  const abort = new AbortController();
  try {
    const parts = openStream(provider, request, AbortSignal.any([request.signal, watch.signal, abort.signal]));
    return await collect({ parts, request, fallbackModel: provider.model, touch: watch.touch });
  } catch (error) {
    request.signal.throwIfAborted();
    throw failureOf(watch.signal.aborted ? watch.signal.reason : error, { provider, nowMs: clock.now() });
  } finally {
    watch.stop();
    abort.abort();
  }
}

function openStream(provider: ProviderSettings, request: ChatRequest, signal: AbortSignal) {
  const api = createOpenAICompatible({
    name: 'provider',
    baseURL: provider.baseUrl,
    includeUsage: true,
    ...(provider.apiKey === undefined ? {} : { apiKey: provider.apiKey }),
    transformRequestBody: (body) => nameTokenLimit(provider.baseUrl, body),
  });
  return streamText({
    model: api.chatModel(provider.model),
    system: request.instructions,
    prompt: request.prompt,
    maxRetries: 0,
    abortSignal: signal,
    headers: { 'idempotency-key': request.idempotencyKey },
    ...(provider.maxOutputTokens === 0 ? {} : { maxOutputTokens: provider.maxOutputTokens }),
    // Errors arrive as parts of the stream; the default handler writes them, request and all, to the console.
    onError: () => {},
  }).fullStream;
}

function nameTokenLimit(baseUrl: string, body: Record<string, unknown>): Record<string, unknown> {
  const { max_tokens: limit, ...rest } = body;
  if (limit === undefined || new URL(baseUrl).hostname !== OPENAI_HOST) return body;
  return { ...rest, max_completion_tokens: limit };
}

interface Collection {
  readonly parts: AsyncIterable<TextStreamPart<ToolSet>>;
  readonly request: ChatRequest;
  readonly fallbackModel: string;
  /** Called for every part, so that silence is noticed. */
  readonly touch: () => void;
}

async function collect({ parts, request, fallbackModel, touch }: Collection): Promise<CompletionOutput> {
  let text = '';
  let model = fallbackModel;
  let end: { finishReason: string; usage: CompletionUsage } | undefined;
  for await (const part of parts) {
    touch();
    if (part.type === 'text-delta') {
      text += part.text;
      if (text.length > ANSWER_CHARS_MAX)
        throw final(`The answer passed ${ANSWER_CHARS_MAX} characters and was broken off.`);
      request.onText(part.text);
    }
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw new Error('The call was aborted.');
    if (part.type === 'finish-step') model = part.response.modelId || fallbackModel;
    if (part.type === 'finish') end = { finishReason: part.finishReason, usage: readUsage(part.totalUsage) };
  }
  if (end === undefined || end.finishReason === 'error') throw broken('The answer broke off before its end.');
  if (text === '' && end.finishReason === 'content-filter') throw final('The provider filtered the whole answer.');
  if (text === '') throw broken(`The model answered nothing (finish reason ${end.finishReason}).`);
  return { text, model, ...end };
}

/** Providers leave counts out, or send nonsense; only whole numbers from 0 are kept. */
function readUsage(usage: LanguageModelUsage): CompletionUsage {
  return {
    inputTokens: count(usage.inputTokens),
    outputTokens: count(usage.outputTokens),
    totalTokens: count(usage.totalTokens),
  };
}

function count(value: number | undefined): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}

function broken(message: string): Recoverable {
  return new Recoverable(message, { code: 'EXTERNAL_SERVICE_ERROR' });
}

/** What the provider would only repeat. */
function final(message: string): Unrecoverable {
  return new Unrecoverable(message, { code: 'EXTERNAL_SERVICE_ERROR' });
}
