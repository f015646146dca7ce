import type { StoreCall, StoreFault, StoreReply } from './commit-group.ts';
import { storeError } from './errors.ts';
import type { CommitObserver, StoreStats } from './port.ts';

/** Writes that may wait for the store unless the options say otherwise. */
export const PENDING_CALLS_MAX = 10_000;

/** Calls of one commit; more wait for the next. */
const GROUP_CALLS_MAX = 1_000;

interface PendingWritesOptions {
  readonly pendingCallsMax?: number | undefined;
  readonly onCommit?: CommitObserver | undefined;
  readonly send: (calls: readonly StoreCall[]) => void;
}

interface Waiting {
  readonly call: StoreCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The commit train of the store: a write leaves at once when none is under way; those that come meanwhile leave
 * together when it is back. Latency at low load is one commit, at high load the groups grow by themselves.
 */
export class PendingWrites {
  readonly #options: PendingWritesOptions;
  readonly #limit: number;
  #waiting: Waiting[] = [];
  #underWay: Waiting[] | undefined;
  #idle: (() => void)[] = [];
  #commits = 0;
  #calls = 0;
  #commitSeconds = 0;
  #lastError: string | undefined;

  constructor(options: PendingWritesOptions) {
    this.#options = options;
    this.#limit = options.pendingCallsMax ?? PENDING_CALLS_MAX;
  }

  /** @throws STORE_OVERLOADED */
  add(call: StoreCall): Promise<unknown> {
    if (this.#waiting.length >= this.#limit) {
      return Promise.reject(storeError('STORE_OVERLOADED', { details: { limit: this.#limit }, retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject });
      this.#depart();
    });
  }

  settle(replies: readonly StoreReply[], seconds: number): void {
    const group = this.#underWay ?? [];
    this.#underWay = undefined;
    this.#commits += 1;
    this.#calls += group.length;
    this.#commitSeconds += seconds;
    this.#options.onCommit?.({ calls: group.length, seconds });
    for (const [index, waiting] of group.entries()) this.#answer(waiting, replies[index]);
    this.#depart();
  }

  failAll(reason: string): void {
    const lost = [...(this.#underWay ?? []), ...this.#waiting];
    this.#underWay = undefined;
    this.#waiting = [];
    this.#lastError = lost.length > 0 ? reason : this.#lastError;
    for (const { reject } of lost) reject(storeError('STORE_UNAVAILABLE', { details: { reason } }));
    this.#depart();
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#underWay === undefined && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  stats(): StoreStats {
    return {
      pendingCalls: this.#waiting.length + (this.#underWay?.length ?? 0),
      commits: this.#commits,
      calls: this.#calls,
      commitSeconds: this.#commitSeconds,
      lastError: this.#lastError,
    };
  }

  #depart(): void {
    if (this.#underWay !== undefined) return;
    if (this.#waiting.length === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#underWay = this.#waiting.length <= GROUP_CALLS_MAX ? this.#waiting : this.#waiting.slice(0, GROUP_CALLS_MAX);
    this.#waiting = this.#waiting.length <= GROUP_CALLS_MAX ? [] : this.#waiting.slice(GROUP_CALLS_MAX);
    this.#options.send(this.#underWay.map(({ call }) => call));
  }

  #answer(waiting: Waiting, reply: StoreReply | undefined): void {
    if (reply?.ok === true) {
      this.#lastError = undefined;
      waiting.resolve(reply.value);
      return;
    }
    const fault = reply?.fault ?? { kind: 'unavailable', message: 'no reply' };
    this.#lastError = fault.message;
    waiting.reject(errorOf(fault));
  }
}

/** Gives a fault its class back. */
export function errorOf(fault: StoreFault): Error {
  switch (fault.kind) {
    case 'full':
      return storeError('STORE_FULL', { cause: fault.message, retryAfterMs: 5_000 });
    case 'unavailable':
      return storeError('STORE_UNAVAILABLE', { details: { reason: 'see the log' }, cause: fault.message });
    case 'bug':
      return new Error(`A procedure failed: ${fault.message}`);
  }
}
