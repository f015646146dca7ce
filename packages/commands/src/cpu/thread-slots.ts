/** Someone who waits for a slot. */
interface Waiting {
  readonly grant: () => void;
}

/**
 * How many threads may compute at once. A task that waits for its children keeps its thread but gives its slot to
 * others, so that children of its own kind can run; when it goes on, it comes before new ones.
 */
export class ThreadSlots {
  readonly size: number;
  #taken = 0;
  readonly #queue: Waiting[] = [];
  readonly #returning: Waiting[] = [];

  constructor(size: number) {
    this.size = size;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** @throws the signal's reason when it aborts first */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { grant: resolve };
    const onAbort = () => {
      this.#queue.splice(this.#queue.indexOf(waiting), 1);
      reject(signal.reason);
    };
    this.#queue.push(waiting);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#admit();
    // Once granted it is no longer in the queue, so the listener must go before the next turn.
    await promise;
    signal.removeEventListener('abort', onAbort);
  }

  retake(): Promise<void> {
    return new Promise((grant) => {
      this.#returning.push({ grant });
      this.#admit();
    });
  }

  free(): void {
    this.#taken -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#taken < this.size) {
      const next = this.#returning.shift() ?? this.#queue.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next.grant();
    }
  }
}
