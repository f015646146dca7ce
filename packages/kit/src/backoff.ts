import type { RetryPolicy } from './define-command.ts';
import type { Random } from './random.ts';

/** What applies where a definition says nothing. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = Object.freeze({
  maxAttempts: 3,
  initialDelayMs: 100,
  maxDelayMs: 10_000,
  factor: 2,
});

export const RETRY_ATTEMPTS_MAX = 1_000;
/** A week: finished commands are not kept longer either. */
export const RETRY_DELAY_MS_MAX = 7 * 24 * 3_600_000;

/** The longest that `retryDelayMs` may give after so many failures, in ms. */
export function retryCeilingMs(policy: RetryPolicy, failures: number): number {
  const exponential = policy.initialDelayMs * policy.factor ** Math.max(0, failures - 1);
  // 0 × Infinity is no number: with no initial delay there is none later either.
  return policy.initialDelayMs === 0 ? 0 : Math.min(policy.maxDelayMs, exponential);
}

/**
 * How many whole ms to wait before the next attempt: anything between 0 and the exponential ceiling, evenly spread
 * ("full jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter", which found it to finish competing
 * work soonest and with the fewest calls).
 *
 * @param failures attempts that have failed so far, from 1
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: Random): number {
  return Math.round(random() * retryCeilingMs(policy, failures));
}

/** What is wrong with a policy, one sentence a fault; empty when it is sound. */
export function validateRetryPolicy(policy: RetryPolicy): readonly string[] {
  const { maxAttempts, initialDelayMs, maxDelayMs, factor } = policy;
  const problems: string[] = [];
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > RETRY_ATTEMPTS_MAX) {
    problems.push(`retries.maxAttempts must be an integer from 1 to ${RETRY_ATTEMPTS_MAX}, not ${maxAttempts}.`);
  }
  if (!(maxDelayMs >= 0 && maxDelayMs <= RETRY_DELAY_MS_MAX)) {
    problems.push(`retries.maxDelayMs must be from 0 to ${RETRY_DELAY_MS_MAX}, not ${maxDelayMs}.`);
  }
  if (!(initialDelayMs >= 0 && initialDelayMs <= maxDelayMs)) {
    problems.push(`retries.initialDelayMs must be from 0 to maxDelayMs (${maxDelayMs}), not ${initialDelayMs}.`);
  }
  if (!(factor >= 1 && Number.isFinite(factor))) {
    problems.push(`retries.factor must be a finite number from 1, not ${factor}.`);
  }
  return problems;
}

/**
 * Fills a definition's policy up with the defaults; `maxDelayMs` is raised to an `initialDelayMs` beyond the default.
 *
 * @throws RangeError with all faults of `validateRetryPolicy`
 */
export function resolveRetryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  const initialDelayMs = given.initialDelayMs ?? DEFAULT_RETRY_POLICY.initialDelayMs;
  const policy: RetryPolicy = {
    maxAttempts: given.maxAttempts ?? DEFAULT_RETRY_POLICY.maxAttempts,
    initialDelayMs,
    maxDelayMs: given.maxDelayMs ?? Math.max(DEFAULT_RETRY_POLICY.maxDelayMs, initialDelayMs),
    factor: given.factor ?? DEFAULT_RETRY_POLICY.factor,
  };
  const problems = validateRetryPolicy(policy);
  if (problems.length > 0) throw new RangeError(problems.join(' '));
  return policy;
}
