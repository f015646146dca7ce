import {
  type CommandDefinition,
  compileSchema,
  type LaneLimits,
  type RetryPolicy,
  resolveRetryPolicy,
  type SchemaCheck,
} from '@millrace/kit';

/** Commands of one type that run at once across the fleet, where the definition says nothing. */
export const CONCURRENCY_DEFAULT = 10;
export const CONCURRENCY_MAX = 100_000;
/** Per attempt, where neither definition nor submitter say anything (contract §1.2). */
export const TIMEOUT_MS_DEFAULT = 300_000;
export const TIMEOUT_MS_MAX = 3_600_000;
const TASK_TYPE = /^[A-Za-z0-9_.-]{1,100}$/;

/** A definition with everything filled in and its schemas compiled. */
export interface TaskType {
  readonly name: string;
  readonly definition: CommandDefinition;
  readonly checkPayload: SchemaCheck<unknown> | undefined;
  readonly checkResult: SchemaCheck<unknown> | undefined;
  readonly timeoutMs: number;
  readonly retries: RetryPolicy;
  /** Leases at once. */
  readonly concurrency: number;
  /** Handlers at once in this process; the leases beyond it are a local prefetch. */
  readonly localConcurrency: number;
  readonly perKey: LaneLimits | undefined;
}

/**
 * @param timeoutMsDefault per attempt, where the definition says nothing
 * @throws TypeError or RangeError that says what is wrong with the definition
 */
export function resolveTaskType(definition: CommandDefinition, timeoutMsDefault = TIMEOUT_MS_DEFAULT): TaskType {
  const { type, payload, result, retries, perKey } = definition;
  if (!TASK_TYPE.test(type)) {
    throw new TypeError(`The type ${JSON.stringify(type)} must be 1–100 letters, digits, "_", "-" or ".".`);
  }
  const concurrency = limitOf(definition.concurrency, CONCURRENCY_DEFAULT, `${type}: concurrency`);
  const timeoutMs = definition.timeoutMs ?? timeoutMsDefault;
  if (!(timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX)) {
    throw new RangeError(`${type}: timeoutMs must be from 1 to ${TIMEOUT_MS_MAX}, not ${timeoutMs}.`);
  }
  if (perKey !== undefined) limitOf(perKey.concurrency, concurrency, `${type}: perKey.concurrency`);
  return {
    name: type,
    definition,
    checkPayload: payload === undefined ? undefined : compileSchema(payload),
    checkResult: result === undefined ? undefined : compileSchema(result),
    timeoutMs,
    retries: resolveRetryPolicy(retries),
    concurrency,
    localConcurrency: Math.min(
      limitOf(definition.localConcurrency, concurrency, `${type}: localConcurrency`),
      concurrency,
    ),
    perKey,
  };
}

function limitOf(given: number | undefined, fallback: number, what: string): number {
  const limit = given ?? fallback;
  if (!Number.isInteger(limit) || limit < 1 || limit > CONCURRENCY_MAX) {
    throw new RangeError(`${what} must be an integer from 1 to ${CONCURRENCY_MAX}, not ${limit}.`);
  }
  return limit;
}
