import {
  type ErrorBody,
  FAILURE_CODES,
  messageOf,
  PartialResult,
  type Random,
  Recoverable,
  RetryAfter,
  retryDelayMs,
  Unrecoverable,
} from '@millrace/kit';
import { type AttemptOutcome, type EndedAttempt, type LeasedCommand, orderAtOf } from './command.ts';
import { storedError } from './errors.ts';
import type { TaskType } from './task-type.ts';

/** How a handler came to its end. */
export type HandlerOutcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'timeout' }
  /** It never began: the command goes back as if it had not been claimed. */
  | { readonly kind: 'unstarted' }
  /** It was stopped for a reason that is not its own: shutdown, a lost lease. */
  | { readonly kind: 'interrupted'; readonly reason: string };

export interface EndContext {
  readonly type: TaskType;
  readonly now: number;
  readonly startedAt: number | null;
  readonly durationMs: number;
  readonly random: Random;
  readonly resultCharactersMax: number;
}

/** What the outcome of an attempt makes of its command: a pure function of both, but for the jitter of the delay. */
export function endOf(command: LeasedCommand, outcome: HandlerOutcome, context: EndContext): EndedAttempt {
  switch (outcome.kind) {
    case 'returned':
      return returned(command, outcome.value, context);
    case 'threw':
      return threw(command, outcome.error, context);
    case 'timeout':
      return failed(command, timeoutError(command), { ...context, outcome: 'timeout' });
    case 'unstarted':
      return goingOn(command, context, { outcome: 'returned', delayMs: 0 });
    case 'interrupted': {
      const error = storedError('RESOURCE_ERROR', outcome.reason, { retryable: true });
      return goingOn(command, context, { outcome: 'lost', delayMs: 0, error });
    }
  }
}

function returned(command: LeasedCommand, value: unknown, context: EndContext): EndedAttempt {
  const isPartial = value instanceof PartialResult;
  const text = toJson(isPartial ? value.result : value);
  if (typeof text !== 'string') return final(command, text, context);
  if (text.length > context.resultCharactersMax) {
    return final(command, tooLarge(text.length, context.resultCharactersMax), context);
  }
  const error = isPartial ? storedError(codeOf(value.error), messageOf(value.error)) : undefined;
  return ended(command, context, {
    outcome: isPartial ? 'partial' : 'success',
    status: isPartial ? 'PARTIAL_SUCCESS' : 'SUCCESS',
    result: text,
    error,
  });
}

function threw(command: LeasedCommand, thrown: unknown, context: EndContext): EndedAttempt {
  if (thrown instanceof RetryAfter || nameOf(thrown) === 'RetryAfter') {
    const delayMs = (thrown as RetryAfter).retryAfterMs;
    const error = storedError('EXTERNAL_SERVICE_ERROR', messageOf(thrown), { retryable: true });
    return goingOn(command, context, { outcome: 'released', delayMs, error });
  }
  const details = detailsOf(thrown);
  if (thrown instanceof Unrecoverable || nameOf(thrown) === 'Unrecoverable') {
    return final(command, storedError(codeOf(thrown), messageOf(thrown), { details }), context);
  }
  const error = storedError(codeOf(thrown), messageOf(thrown), { details, retryable: true });
  return failed(command, error, { ...context, outcome: 'failed' });
}

/** A failure that the retry policy decides about. */
function failed(
  command: LeasedCommand,
  error: ErrorBody,
  context: EndContext & { outcome: 'failed' | 'timeout' },
): EndedAttempt {
  const failures = command.failures + 1;
  const { retries } = context.type;
  if (failures >= retries.maxAttempts) {
    const details = { ...error.details, attempts: command.attempt };
    return final(command, { ...error, details, retryable: false }, context);
  }
  const delayMs = retryDelayMs(retries, failures, context.random);
  return goingOn(command, context, { outcome: context.outcome, delayMs, error, burnt: 1 });
}

/** A failure for good: dead-lettered. */
function final(
  command: LeasedCommand,
  error: ErrorBody,
  context: EndContext & { readonly outcome?: AttemptOutcome },
): EndedAttempt {
  return ended(command, context, { outcome: context.outcome ?? 'failed', status: 'FAILURE', result: null, error });
}

interface End {
  readonly outcome: AttemptOutcome;
  readonly status: 'SUCCESS' | 'PARTIAL_SUCCESS' | 'FAILURE';
  readonly result: string | null;
  readonly error: ErrorBody | undefined;
}

function ended(command: LeasedCommand, context: EndContext, end: End): EndedAttempt {
  const isFailure = end.status === 'FAILURE';
  return {
    ...base(command, context),
    outcome: end.outcome,
    status: end.status,
    dueAt: command.dueAt,
    orderAt: 0,
    burnt: isFailure ? 1 : 0,
    deadLettered: isFailure ? 1 : 0,
    result: end.result,
    error: end.error === undefined ? null : JSON.stringify(end.error),
    errorCode: end.error?.code ?? null,
  };
}

interface GoingOn {
  readonly outcome: AttemptOutcome;
  readonly delayMs: number;
  readonly error?: ErrorBody;
  readonly burnt?: 0 | 1;
}

function goingOn(command: LeasedCommand, context: EndContext, on: GoingOn): EndedAttempt {
  const dueAt = context.now + Math.ceil(on.delayMs);
  const first = on.outcome === 'returned' && command.attempt === 1;
  return {
    ...base(command, context),
    outcome: on.outcome,
    status: first ? 'QUEUED' : 'RETRYING',
    dueAt,
    orderAt: orderAtOf(on.outcome === 'returned' ? command.dueAt : dueAt, command.priority),
    burnt: on.burnt ?? 0,
    deadLettered: 0,
    result: null,
    error: on.error === undefined ? null : JSON.stringify(on.error),
    errorCode: on.error?.code ?? null,
  };
}

function base(command: LeasedCommand, { now, startedAt, durationMs }: EndContext) {
  return {
    id: command.id,
    taskType: command.taskType,
    lease: command.lease,
    attempt: command.attempt,
    startedAt,
    endedAt: now,
    durationMs: Math.max(0, Math.round(durationMs)),
    hasCallback: command.callbackUrl !== null,
  };
}

/** The JSON text of a value, or what is wrong with it. */
function toJson(value: unknown): string | ErrorBody {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    const message = `The handler returned what JSON cannot carry: ${messageOf(error)}`;
    return storedError('PROCESSING_ERROR', message);
  }
}

function tooLarge(characters: number, limit: number): ErrorBody {
  const message = `The result has ${characters} characters of JSON, more than ${limit}. Store it elsewhere and return where it is.`;
  return storedError('RESOURCE_ERROR', message, { details: { characters, limit } });
}

function timeoutError(command: LeasedCommand): ErrorBody {
  const message = `The handler did not end within ${command.timeoutMs} ms.`;
  return storedError('TIMEOUT_ERROR', message, { details: { timeoutMs: command.timeoutMs }, retryable: true });
}

const FAILURE_CODE_SET: ReadonlySet<string> = new Set(FAILURE_CODES);

function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' && FAILURE_CODE_SET.has(code) ? code : 'PROCESSING_ERROR';
}

function nameOf(error: unknown): unknown {
  return (Object(error) as { name?: unknown }).name;
}

/** What an error of ours says of itself; of others only the message is kept. */
function detailsOf(error: unknown): ErrorBody['details'] {
  const isOurs = error instanceof Recoverable || error instanceof Unrecoverable || 'details' in Object(error);
  if (!isOurs) return {};
  const { details } = error as { details?: unknown };
  if (typeof details !== 'object' || details === null) return {};
  return typeof toJson(details) === 'string' ? (details as ErrorBody['details']) : {};
}
