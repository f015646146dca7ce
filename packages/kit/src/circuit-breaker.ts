import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IBackoff,
  isBrokenCircuitError,
} from 'cockatiel';
import type { AppError } from './app-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { kitError } from './errors.ts';

/**
 * CLOSED: calls pass. OPEN: calls are refused. HALF_OPEN: one call passes as a trial, which closes or opens it again.
 */
export type BreakerState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

export interface CircuitBreakerOptions {
  /** What it protects, for errors: a provider, a host. */
  readonly name: string;
  /** Failures in a row that open it. Default 5. */
  readonly failuresMax?: number;
  /** Ms that it stays open before a trial. Default 60,000. */
  readonly openMs?: number;
  /**
   * Whether an error speaks against the service. Default: every error. One that does not (bad input, an abort by
   * the caller) counts as an answer.
   */
  readonly isFailure?: (error: unknown) => boolean;
  readonly clock?: Clock;
}

export const CIRCUIT_BREAKER_DEFAULTS = { failuresMax: 5, openMs: 60_000 } as const;

/** How long those are sent away who come while the trial runs. */
const TRIAL_RETRY_MS = 1_000;

/** What a call came to: errors that are no failures travel as values past the policy. */
type Answer<TResult> = { readonly value: TResult } | { readonly error: unknown };

/** Stops calling a service that keeps failing, so that it can recover and callers fail fast. */
export class CircuitBreaker {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #openMs: number;
  readonly #isFailure: (error: unknown) => boolean;
  readonly #policy: ReturnType<typeof circuitBreaker>;
  #openedAt = 0;
  #trial = false;

  constructor(options: CircuitBreakerOptions) {
    this.#name = options.name;
    this.#clock = options.clock ?? systemClock;
    this.#openMs = options.openMs ?? CIRCUIT_BREAKER_DEFAULTS.openMs;
    this.#isFailure = options.isFailure ?? (() => true);
    this.#policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(options.failuresMax ?? CIRCUIT_BREAKER_DEFAULTS.failuresMax),
      halfOpenAfter: this.#backoff(),
    });
  }

  /** HALF_OPEN from the moment when a trial would be let through. */
  get state(): BreakerState {
    const state = nameOf(this.#policy.state);
    return state === 'OPEN' && this.#openForMs() <= 0 ? 'HALF_OPEN' : state;
  }

  /** Calls `listener` on every change (HALF_OPEN when the trial starts); returns the way to stop that. */
  onStateChange(listener: (state: BreakerState) => void): () => void {
    const subscription = this.#policy.onStateChange((state) => listener(nameOf(state)));
    return () => subscription.dispose();
  }

  /**
   * Runs `call` unless the circuit is open, and gives its answer or error.
   *
   * @throws EXTERNAL_SERVICE_ERROR, retryable with `retryAfterMs`, while it is open or a trial runs
   */
  async execute<TResult>(call: () => TResult | Promise<TResult>): Promise<TResult> {
    if (this.#trial) throw this.#refusal(TRIAL_RETRY_MS);
    this.#trial = this.state === 'HALF_OPEN';
    const isTrial = this.#trial;
    let answer: Answer<TResult>;
    try {
      answer = await this.#policy.execute(() => this.#call(call));
    } catch (error) {
      throw isBrokenCircuitError(error) ? this.#refusal(Math.max(this.#openForMs(), 1)) : error;
    } finally {
      if (isTrial) this.#trial = false;
    }
    if ('error' in answer) throw answer.error;
    return answer.value;
  }

  async #call<TResult>(call: () => TResult | Promise<TResult>): Promise<Answer<TResult>> {
    try {
      return { value: await call() };
    } catch (error) {
      if (this.#isFailure(error)) throw error;
      return { error };
    }
  }

  #openForMs(): number {
    return this.#openMs - (this.#clock.monotonic() - this.#openedAt);
  }

  /**
   * The library compares `duration` with the machine's wall clock; answering "forever" or "no longer" by our own
   * clock lets tests move the time, and keeps jumps of the wall clock out.
   */
  #backoff(): IBackoff<unknown> {
    const openForMs = () => this.#openForMs();
    const backoff: IBackoff<unknown> = {
      get duration() {
        return openForMs() > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      },
      next: () => {
        this.#openedAt = this.#clock.monotonic();
        return backoff;
      },
    };
    return backoff;
  }

  #refusal(retryAfterMs: number): AppError {
    return kitError('EXTERNAL_SERVICE_ERROR', {
      details: { name: this.#name },
      retryAfterMs: Math.ceil(retryAfterMs),
    });
  }
}

function nameOf(state: CircuitState): BreakerState {
  if (state === CircuitState.Closed) return 'CLOSED';
  return state === CircuitState.HalfOpen ? 'HALF_OPEN' : 'OPEN';
}
