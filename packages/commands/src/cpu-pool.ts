import { availableParallelism } from 'node:os';
import { type Clock, type Command, type Logger, messageOf, Recoverable, Unrecoverable } from '@millrace/kit';
import type { Piscina } from 'piscina';
import type { ThreadedContext, ThreadRunner } from './command-runner.ts';
import { unpacked } from './cpu/packed-outcome.ts';
import { ThreadCall } from './cpu/thread-call.ts';
import { type Slot, ThreadSlots } from './cpu/thread-slots.ts';

/** How long a thread has after the signal aborted before it is terminated, in ms; below the executor's own grace. */
export const KILL_GRACE_MS = 500;

/** Threads that may wait for children beside those that compute; each keeps its memory. */
export const PARKED_THREADS_MAX = 64;

/** A thread without work for so long is ended, in ms. */
const IDLE_MS = 10_000;

/** Heap of one thread where nothing is said, in MiB. */
export const THREAD_MEMORY_MIB_DEFAULT = 256;

export interface CpuPoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Threads that compute at once; default one per core but one, at least 1. */
  readonly threads?: number | undefined;
  /** Heap of each in MiB; past it the attempt fails. Buffers outside the heap are not counted. Default 256. */
  readonly threadMemoryMib?: number | undefined;
}

export interface CpuPoolStats {
  /** Threads that exist, idle and waiting ones included. */
  readonly threads: number;
  /** Threads that compute now, and how many may. */
  readonly active: number;
  readonly activeMax: number;
  /** Attempts that wait for a thread. */
  readonly queued: number;
  /** Attempts run since the start, and threads killed for going on after their signal. */
  readonly completed: number;
  readonly killed: number;
}

/** Runs the handlers of `cpu: true` types in worker threads, one attempt a thread at a time. */
export interface CpuPool extends ThreadRunner {
  stats(): CpuPoolStats;
  /** Terminates every thread. */
  stop(): Promise<void>;
}

/** Makes the pool; the first command creates the first thread. @throws RangeError for sizes that make no sense */
export function createCpuPool(options: CpuPoolOptions): CpuPool {
  return new PiscinaPool(options);
}

class PiscinaPool implements CpuPool {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #memoryMib: number;
  /** In front of Piscina, whose own queue is not looked at again after a thread was killed: it stays empty. */
  readonly #slots: ThreadSlots;
  readonly #stopped = new AbortController();
  #killed = 0;
  #pool: Piscina<unknown, void> | undefined;
  #opening: Promise<Piscina<unknown, void>> | undefined;

  constructor({ clock, logger, threads, threadMemoryMib = THREAD_MEMORY_MIB_DEFAULT }: CpuPoolOptions) {
    const size = threads ?? Math.max(1, availableParallelism() - 1);
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`There must be at least 1 CPU thread, not ${size}.`);
    if (!(threadMemoryMib >= 16)) throw new RangeError(`A CPU thread needs at least 16 MiB, not ${threadMemoryMib}.`);
    this.#clock = clock;
    this.#logger = logger;
    this.#memoryMib = threadMemoryMib;
    this.#slots = new ThreadSlots(size, PARKED_THREADS_MAX);
  }

  async run(module: URL, command: Command, context: ThreadedContext): Promise<unknown> {
    const signal = AbortSignal.any([context.signal, this.#stopped.signal]);
    const slot = await this.#slotFor(context, signal);
    try {
      return await this.#runIn(slot, { module, command, context, signal });
    } finally {
      slot.release();
    }
  }

  stats(): CpuPoolStats {
    return {
      threads: this.#pool?.threads.length ?? 0,
      active: this.#slots.taken,
      activeMax: this.#slots.size,
      queued: this.#slots.waiting,
      completed: this.#pool?.completed ?? 0,
      killed: this.#killed,
    };
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new DOMException('Millrace is shutting down.', 'AbortError'));
    const pool = await this.#opening;
    await pool?.destroy();
  }

  /** Waiting for a thread is not the handler's own time. */
  async #slotFor(context: ThreadedContext, signal: AbortSignal): Promise<Slot> {
    const goOn = context.holdDeadline();
    try {
      return await this.#slots.take(signal);
    } finally {
      goOn();
    }
  }

  async #runIn(slot: Slot, { signal, ...given }: Call): Promise<unknown> {
    const pool = await this.#open();
    signal.throwIfAborted();
    const call = new ThreadCall({ ...given, slot });
    const killer = new AbortController();
    const stopWatching = this.#killAfterAbort(signal, call, killer);
    let failure: unknown;
    try {
      await pool.run(call.task, { transferList: [call.task.port] as never, signal: killer.signal });
    } catch (error) {
      failure = error;
    }
    stopWatching();
    const outcome = call.close();
    if (outcome !== undefined) return unpacked(outcome);
    throw this.#explained(failure);
  }

  /** Tells the handler that its signal aborted, and terminates its thread when it goes on all the same. */
  #killAfterAbort(signal: AbortSignal, call: ThreadCall, killer: AbortController): () => void {
    let timer: { cancel(): void } | undefined;
    const onAbort = () => {
      call.abort(messageOf(signal.reason));
      timer = this.#clock.schedule(KILL_GRACE_MS, () => {
        this.#killed += 1;
        killer.abort(signal.reason);
      });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return () => {
      signal.removeEventListener('abort', onAbort);
      timer?.cancel();
    };
  }

  /** What the end of a thread means to the attempt that was in it. */
  #explained(failure: unknown): Error {
    const { code, message } = Object(failure) as { code?: unknown; message?: string };
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
      return new Recoverable(`The handler needed more than the ${this.#memoryMib} MiB that its thread has.`, {
        code: 'RESOURCE_ERROR',
        details: { limitMib: this.#memoryMib },
      });
    }
    if (code === 'ERR_DATA_CLONE' || (failure instanceof DOMException && failure.name === 'DataCloneError')) {
      return new Unrecoverable(`The payload cannot be given to a thread: ${message}`, { code: 'VALIDATION_ERROR' });
    }
    return new Recoverable(`The handler's thread ended before the handler did: ${messageOf(failure)}`);
  }

  #open(): Promise<Piscina<unknown, void>> {
    this.#opening ??= this.#create();
    return this.#opening;
  }

  async #create(): Promise<Piscina<unknown, void>> {
    const { Piscina: Pool } = await import('piscina');
    const main = import.meta.url.endsWith('.ts') ? './cpu/thread-main.ts' : './cpu/thread-main.js';
    const pool = new Pool<unknown, void>({
      filename: new URL(main, import.meta.url).href,
      name: 'runTask',
      minThreads: 0,
      maxThreads: this.#slots.size + PARKED_THREADS_MAX,
      idleTimeout: IDLE_MS,
      concurrentTasksPerWorker: 1,
      resourceLimits: { maxOldGenerationSizeMb: this.#memoryMib },
    });
    pool.on('error', (error: unknown) => this.#logger.warn('A CPU thread failed while it had no work', { error }));
    this.#pool = pool;
    return pool;
  }
}

interface Call {
  readonly module: URL;
  readonly command: Command;
  readonly context: ThreadedContext;
  readonly signal: AbortSignal;
}
