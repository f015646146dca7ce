export interface ParkedSlotOptions {
  /** Takes the slot at once, whatever the limits say. */
  readonly retake: () => void;
  /** Calls back with the slot when there is one; the answer takes the wish back. */
  readonly queue: (resolve: () => void) => () => void;
}

/** The slot of a handler that waits for its children: given to others until it is taken back, exactly once. */
export class ParkedSlot {
  readonly #options: ParkedSlotOptions;
  #withdraw: (() => void) | undefined;
  #isHeld = false;

  constructor(options: ParkedSlotOptions) {
    this.#options = options;
  }

  /** Resolves when the handler has a slot again; it comes before handlers that have not begun. */
  takeBack(): Promise<void> {
    if (this.#isHeld) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#withdraw = this.#options.queue(() => {
      this.#isHeld = true;
      resolve();
    });
    return promise;
  }

  /** The handler is over, whether it still waited or not: the slot is its own again, to be freed with it. */
  close(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#withdraw?.();
    this.#options.retake();
  }
}
