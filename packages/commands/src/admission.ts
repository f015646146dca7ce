import type { NewCommand } from './command.ts';
import { commandsError } from './errors.ts';
import type { Lanes } from './lanes.ts';
import type { CommandsObserver } from './observer.ts';

/** Keys whose waiting commands are counted apart; beyond it keys share one count. */
const KEYS_COUNTED_MAX = 10_000;

/** Past the soft limit a key that holds more than its share is refused; past this multiple of it, everyone is. */
const HARD_FACTOR = 1.25;

export interface AdmissionOptions {
  readonly lanes: Lanes;
  readonly observer: CommandsObserver;
  /** Due commands before keys with more than their share are refused. */
  readonly depthMax: number;
  /** Characters of payload between acceptance and commit. */
  readonly intakeCharactersMax: number;
  /** A reason to take nothing in at all: shutdown, a full disk, an event loop that lags. */
  readonly closedBecause: () => { readonly reason: string; readonly retryAfterMs: number } | undefined;
}

/** Decides at the door: what cannot be worked off is refused while that is cheap, fairly by key. */
export class Admission {
  readonly #options: AdmissionOptions;
  #characters = 0;
  readonly #recent = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Characters of payload on their way to the store. */
  get characters(): number {
    return this.#characters;
  }

  /**
   * Lets a command in or not; every one let in must `leave` when its commit is through.
   *
   * @throws OVERLOADED (429: this key has more than its share) or UNAVAILABLE (503: nobody gets in)
   */
  admit(command: NewCommand): void {
    const closed = this.#options.closedBecause();
    if (closed !== undefined) {
      this.#options.observer.shed('closed');
      throw refuse('UNAVAILABLE', closed.reason, closed.retryAfterMs);
    }
    const size = charactersOf(command);
    if (this.#characters > 0 && this.#characters + size > this.#options.intakeCharactersMax) {
      this.#options.observer.shed('bytes');
      throw refuse('UNAVAILABLE', 'Too many bytes wait to be stored.', 1_000);
    }
    this.#checkDepth(command);
    this.#characters += size;
  }

  leave(command: NewCommand): void {
    this.#characters -= charactersOf(command);
  }

  #checkDepth({ concurrencyKey }: NewCommand): void {
    const { depthMax, lanes } = this.#options;
    const { depth } = lanes.totals();
    if (depth < depthMax) {
      if (depth === 0 && this.#recent.size > 0) this.#recent.clear();
      this.#count(concurrencyKey);
      return;
    }
    if (depth >= depthMax * HARD_FACTOR) {
      this.#options.observer.shed('depth');
      throw refuse('UNAVAILABLE', `More than ${depthMax} commands wait.`, 5_000);
    }
    const share = depthMax / Math.max(1, this.#recent.size);
    if ((this.#recent.get(concurrencyKey) ?? 0) >= share) {
      this.#options.observer.shed('share');
      throw refuse('OVERLOADED', 'The queue is full and this key has more than its share of it.', 5_000);
    }
    this.#count(concurrencyKey);
  }

  /** Counts what a key has brought since the queue was last empty: its share of what waits, roughly and in O(1). */
  #count(key: string): void {
    const counted = this.#recent.has(key) || this.#recent.size < KEYS_COUNTED_MAX ? key : '';
    this.#recent.set(counted, (this.#recent.get(counted) ?? 0) + 1);
  }
}

function charactersOf({ payload, metadata }: NewCommand): number {
  return (payload?.length ?? 0) + (metadata?.length ?? 0);
}

function refuse(code: 'OVERLOADED' | 'UNAVAILABLE', reason: string, retryAfterMs: number) {
  return commandsError(code, { details: { reason, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) }, retryAfterMs });
}
