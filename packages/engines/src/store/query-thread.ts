import { Worker } from 'node:worker_threads';
import type { StoreReply } from './commit-group.ts';
import { storeError } from './errors.ts';
import { errorOf } from './pending-writes.ts';
import type { SqlValue } from './port.ts';

/** Queries that may wait for the reader thread before STORE_OVERLOADED. */
const QUERIES_WAITING_MAX = 1_000;
const READER_HEAP_MB = 256;
const READER_YOUNG_HEAP_MB = 8;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A reader in a thread of its own, started by the first query: many programs never list anything. */
export class QueryThread {
  readonly #module: URL;
  readonly #file: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 1;

  constructor(module: URL, file: string) {
    this.#module = module;
    this.#file = file;
  }

  query(sql: string, values: readonly SqlValue[]): Promise<unknown> {
    if (this.#waiting.size >= QUERIES_WAITING_MAX) {
      return Promise.reject(storeError('STORE_OVERLOADED', { details: { limit: QUERIES_WAITING_MAX } }));
    }
    this.#worker ??= this.#open();
    const id = this.#nextId++;
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, sql, values });
    });
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ close: true });
    await exited;
  }

  #open(): Worker {
    const worker = new Worker(this.#module, {
      workerData: { file: this.#file },
      name: 'millrace-store-reader',
      resourceLimits: { maxOldGenerationSizeMb: READER_HEAP_MB, maxYoungGenerationSizeMb: READER_YOUNG_HEAP_MB },
    });
    worker.on('message', ({ id, reply }: { id: number; reply: StoreReply }) => this.#answer(id, reply));
    worker.on('error', (error: Error) => this.#end(error.message));
    worker.on('exit', () => this.#end('its reader thread has ended'));
    return worker;
  }

  #answer(id: number, reply: StoreReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (reply.ok) waiting?.resolve(reply.value);
    else waiting?.reject(errorOf(reply.fault));
  }

  #end(reason: string): void {
    this.#worker = undefined;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(storeError('STORE_UNAVAILABLE', { details: { reason } }));
  }
}
