import type { NewCommand } from './command.ts';
import { commandsError } from './errors.ts';
import type { Lanes } from './lanes.ts';
import type { CommandsObserver } from './observer.ts';

/** Keys whose waiting commands are counted apart; beyond it keys share one count. */
const KEYS_COUNTED_MAX = 10_000;

/** So many submissions are counted before old ones begin to weigh less, however little waits. */
const COUNTED_MIN = 1_000;

/** Past the soft limit a key that holds more than its share is refused; past this multiple of it, everyone is. */
const HARD_FACTOR = 1.25;

export interface AdmissionOptions {
  readonly lanes: Lanes;
  readonly observer: CommandsObserver;
  /** Due commands before keys with more than their share are refused. */
  readonly depthMax: number;
  /** Age of the oldest due command past which the same happens, in ms; 0 for no limit. */
  readonly queueAgeMaxMs: number;
  readonly queueAgeMs: (depth: number) => number;
  /** Characters of payload between acceptance and commit. */
  readonly intakeCharactersMax: number;
  /** A reason to take nothing in at all: shutdown, a full disk, an event loop that lags. */
  readonly closedBecause: () => { readonly reason: string; readonly retryAfterMs: number } | undefined;
}

/** Decides at the door: what cannot be worked off is refused while that is cheap, fairly by key. */
export class Admission {
  readonly #options: AdmissionOptions;
  #characters = 0;
  readonly #byKey = new Map<string, number>();
  /** Sum of `#byKey`. */
  #counted = 0;

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
    const { depthMax, queueAgeMaxMs, queueAgeMs, lanes } = this.#options;
    const { depth } = lanes.totals();
    const isLate = queueAgeMaxMs > 0 && queueAgeMs(depth) > queueAgeMaxMs;
    if (depth < depthMax && !isLate) {
      if (depth === 0 && this.#counted > 0) this.#forget();
      this.#count(concurrencyKey, depth);
      return;
    }
    if (depth >= depthMax * HARD_FACTOR) {
      this.#options.observer.shed('depth');
      throw refuse('UNAVAILABLE', `More than ${depthMax} commands wait.`, 5_000);
    }
    const share = this.#counted / Math.max(1, this.#byKey.size);
    if ((this.#byKey.get(concurrencyKey) ?? 0) >= share) {
      this.#options.observer.shed('share');
      const what = isLate ? 'The queue is too slow' : 'The queue is full';
      throw refuse('OVERLOADED', `${what} and this key has its share of it or more.`, 5_000);
    }
    this.#count(concurrencyKey, depth);
  }

  /**
   * Counts what a key has brought lately: its share of what waits, roughly and in O(1). All counts are halved whenever
   * they together exceed twice what waits, so that what has long been worked off weighs little.
   */
  #count(key: string, depth: number): void {
    const counted = this.#byKey.has(key) || this.#byKey.size < KEYS_COUNTED_MAX ? key : '';
    this.#byKey.set(counted, (this.#byKey.get(counted) ?? 0) + 1);
    this.#counted += 1;
    if (this.#counted > 2 * Math.max(depth, COUNTED_MIN)) this.#halve();
  }

  #halve(): void {
    this.#counted = 0;
    for (const [key, count] of this.#byKey) {
      const half = Math.floor(count / 2);
      if (half === 0) this.#byKey.delete(key);
      else this.#byKey.set(key, half);
      this.#counted += half;
    }
  }

  #forget(): void {
    this.#byKey.clear();
    this.#counted = 0;
  }
}

function charactersOf({ payload, metadata }: NewCommand): number {
  return (payload?.length ?? 0) + (metadata?.length ?? 0);
}

function refuse(code: 'OVERLOADED' | 'UNAVAILABLE', reason: string, retryAfterMs: number) {
  return commandsError(code, { details: { reason, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) }, retryAfterMs });
}
