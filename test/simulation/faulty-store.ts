import { type Procedure, type SqlValue, STORE_ERRORS, type Store, type StoreStats } from '@millrace/engines/store';
import { errorFactory, type Random, type VirtualClock } from '@millrace/kit';
import type { NodeLife } from './node-life.ts';

/** How a store misbehaves; changed while the simulation runs. Rates are from 0 to 1. */
export interface StoreFaults {
  /** A call fails before anything is done. */
  dropRate: number;
  /** A call is done and its answer is lost: the caller sees a failure although the change was committed. */
  loseRate: number;
  /** The disk is full: writes are refused, nothing is changed. */
  fullRate: number;
  /** Longest way of a call to the store and of its answer back, in ms. */
  delayMsMax: number;
  /** Nothing gets through at all. */
  isDown: boolean;
}

export interface FaultyStoreOptions {
  readonly base: Store;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly faults: StoreFaults;
  readonly life: NodeLife;
  readonly trace: (event: string) => void;
}

interface Call {
  readonly run: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly loses: boolean;
  sent: boolean;
}

/**
 * One process's way to the store: calls and answers take time, may be lost, and keep their order, as on the message
 * port of the embedded store and on one connection to a server. A call that was committed may come back as a failure:
 * that is what a broken connection or a dying writer thread looks like.
 */
export class FaultyStore implements Store {
  readonly #options: FaultyStoreOptions;
  readonly #onTheWay: Call[] = [];
  #lastSentAt = 0;
  #lastAnswerAt = 0;

  constructor(options: FaultyStoreOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  write<TArgs, TResult>(procedure: Procedure<TArgs, TResult>, args: TArgs): Promise<TResult> {
    const { random, faults, base, trace, life } = this.#options;
    const fate = random();
    if (life.isDead) return new Promise(() => {});
    if (faults.fullRate > 0 && random() < faults.fullRate) return Promise.reject(failure('STORE_FULL'));
    if (faults.isDown || fate < faults.dropRate) {
      trace(`drop ${procedure.name}`);
      return this.#later(() => Promise.reject(failure('STORE_UNAVAILABLE'))) as Promise<TResult>;
    }
    const loses = fate < faults.dropRate + faults.loseRate;
    if (loses) trace(`lose ${procedure.name}`);
    const copy = asJson(args);
    return this.#later(() => base.write(procedure, copy).then(asJson), loses) as Promise<TResult>;
  }

  lookup<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    return this.#read(() => this.#options.base.lookup<TRow>(sql, ...values));
  }

  query<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    return this.#read(() => this.#options.base.query<TRow>(sql, ...values));
  }

  stats(): StoreStats {
    return this.#options.base.stats();
  }

  freeBytes(): Promise<number | undefined> {
    return this.#options.base.freeBytes();
  }

  /** The process has died: the writer thread with it, after some of the calls that were on their way. */
  dieWithWriter(): void {
    const { random } = this.#options;
    const waiting = this.#onTheWay.filter((call) => !call.sent);
    const done = Math.floor(random() * (waiting.length + 1));
    for (const [index, call] of waiting.entries()) {
      call.sent = true;
      if (index < done) void call.run().catch(() => {});
    }
  }

  #read<TRow>(run: () => Promise<readonly TRow[]>): Promise<readonly TRow[]> {
    const { random, faults, life } = this.#options;
    if (life.isDead) return new Promise(() => {});
    if (faults.isDown || random() < faults.dropRate) return Promise.reject(failure('STORE_UNAVAILABLE'));
    return run();
  }

  #later(run: () => Promise<unknown>, loses = false): Promise<unknown> {
    const { clock, random, faults } = this.#options;
    return new Promise((resolve, reject) => {
      const call: Call = { run, resolve, reject, loses, sent: false };
      this.#onTheWay.push(call);
      this.#lastSentAt = Math.max(this.#lastSentAt, clock.monotonic() + Math.floor(random() * faults.delayMsMax));
      clock.schedule(this.#lastSentAt - clock.monotonic(), () => this.#send(call));
    });
  }

  #send(call: Call): void {
    if (call.sent) return;
    call.sent = true;
    this.#onTheWay.splice(this.#onTheWay.indexOf(call), 1);
    const { clock, random, faults, life } = this.#options;
    const answer = (act: () => void) => {
      this.#lastAnswerAt = Math.max(this.#lastAnswerAt, clock.monotonic() + Math.floor(random() * faults.delayMsMax));
      clock.schedule(this.#lastAnswerAt - clock.monotonic(), () => life.deliver(act));
    };
    call.run().then(
      (value) => answer(() => (call.loses ? call.reject(failure('STORE_UNAVAILABLE')) : call.resolve(value))),
      (error: unknown) => answer(() => call.reject(error)),
    );
  }
}

const storeError = errorFactory(STORE_ERRORS);

function failure(code: 'STORE_UNAVAILABLE' | 'STORE_FULL'): Error {
  return storeError(code, { details: { reason: 'simulated' } });
}

function asJson<TValue>(value: TValue): TValue {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as TValue);
}
