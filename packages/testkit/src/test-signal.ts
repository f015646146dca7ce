const WITHIN_MS = 5_000;

interface Waiter<TValue> {
  readonly resolve: (value: TValue) => void;
}

/**
 * Something that a test awaits instead of sleeping: the code under test calls `emit`, the test `await signal.next()`.
 * Values emitted while nobody waits are kept in order, so that no wake-up is ever lost.
 */
export class TestSignal<TValue = void> {
  readonly #values: TValue[] = [];
  readonly #waiters: Waiter<TValue>[] = [];
  readonly #name: string;

  constructor(name = 'signal') {
    this.#name = name;
  }

  /** How many values wait to be taken. */
  get pending(): number {
    return this.#values.length;
  }

  /** An arrow, so that it can be handed over as a callback. */
  readonly emit = (value: TValue): void => {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#values.push(value);
    else waiter.resolve(value);
  };

  /**
   * The next value, kept or yet to come.
   *
   * @throws Error when none came within `withinMs` (5 s unless told)
   */
  next(withinMs = WITHIN_MS): Promise<TValue> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift() as TValue);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Error(`${this.#name} was not emitted within ${withinMs} ms.`));
      }, withinMs);
      const waiter: Waiter<TValue> = {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
      };
      this.#waiters.push(waiter);
    });
  }
}
