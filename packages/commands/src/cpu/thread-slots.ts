import { Recoverable } from '@millrace/kit';

/**
 * How many threads may compute at once. A task that waits for its children keeps its thread but gives its slot to
 * others, so that children of its own kind can run; when it goes on, it comes before new ones.
 */
export class ThreadSlots {
  readonly size: number;
  readonly #parkedMax: number;
  #taken = 0;
  #parked = 0;
  readonly #queue: (() => void)[] = [];
  readonly #returning: (() => void)[] = [];

  /** @param parkedMax threads that may wait beside those that compute */
  constructor(size: number, parkedMax: number) {
    this.size = size;
    this.#parkedMax = parkedMax;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Waits for a slot. @throws the signal's reason when it aborts first */
  async take(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      const index = this.#queue.indexOf(resolve);
      if (index < 0) return;
      this.#queue.splice(index, 1);
      reject(signal.reason);
    };
    this.#queue.push(resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#admit();
    await promise.finally(() => signal.removeEventListener('abort', onAbort));
    return new Slot({
      free: () => this.#free(),
      retake: () => this.#retake(),
      countParked: (change) => this.#countParked(change),
    });
  }

  #countParked(change: 1 | -1): void {
    if (change > 0 && this.#parked >= this.#parkedMax) {
      const message = `${this.#parked} CPU commands wait for their children already; this one must wait its turn.`;
      throw new Recoverable(message, { code: 'RESOURCE_ERROR' });
    }
    this.#parked += change;
  }

  #retake(): Promise<void> {
    return new Promise((resolve) => {
      this.#returning.push(resolve);
      this.#admit();
    });
  }

  #free(): void {
    this.#taken -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#taken < this.size) {
      const grant = this.#returning.shift() ?? this.#queue.shift();
      if (grant === undefined) return;
      this.#taken += 1;
      grant();
    }
  }
}

interface SlotPorts {
  readonly free: () => void;
  readonly retake: () => Promise<void>;
  /** @throws Recoverable when too many are parked */
  readonly countParked: (change: 1 | -1) => void;
}

/** One task's slot. */
export class Slot {
  readonly #ports: SlotPorts;
  #parks = 0;
  #isHeld = true;
  #isReleased = false;

  constructor(ports: SlotPorts) {
    this.#ports = ports;
  }

  /** Gives it to others for a while; may be nested. */
  park(): void {
    if (this.#parks === 0) {
      this.#ports.countParked(1);
      this.#letGo();
    }
    this.#parks += 1;
  }

  async resume(): Promise<void> {
    this.#parks -= 1;
    if (this.#parks > 0) return;
    this.#ports.countParked(-1);
    if (this.#isReleased) return;
    await this.#ports.retake();
    this.#isHeld = true;
    if (this.#isReleased) this.#letGo();
  }

  /** The task is over. */
  release(): void {
    this.#isReleased = true;
    this.#letGo();
  }

  #letGo(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#ports.free();
  }
}
