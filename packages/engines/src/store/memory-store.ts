import { type ProcedureMap, proceduresOf, runGroup } from './commit-group.ts';
import { storeError } from './errors.ts';
import { migrate } from './migrate.ts';
import { PendingWrites } from './pending-writes.ts';
import type { CommitObserver, Procedure, SqlValue, Store, StoreSchema, StoreStats } from './port.ts';
import { openWriter, type SqliteConnection } from './sqlite-connection.ts';

export interface MemoryStoreOptions {
  readonly schemas: readonly StoreSchema[];
  readonly onCommit?: CommitObserver | undefined;
  readonly sizeMaxBytes?: number | undefined;
}

/**
 * The same SQLite without a disk and without threads: for tests and simulations, where everything must happen in one
 * order. Its data ends with it.
 */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions;
  readonly #pending: PendingWrites;
  #connection: SqliteConnection | undefined;
  #procedures: ProcedureMap = new Map();

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#pending = new PendingWrites({
      onCommit: options.onCommit,
      send: (calls) => {
        queueMicrotask(() => {
          if (this.#connection === undefined) this.#pending.failAll('stopped');
          else this.#pending.settle(runGroup(this.#connection, this.#procedures, calls), 0);
        });
      },
    });
  }

  async start(): Promise<void> {
    if (this.#connection !== undefined) return;
    const { schemas, sizeMaxBytes } = this.#options;
    const modules = await Promise.all(schemas.flatMap((schema) => schema.procedures).map((url) => import(url.href)));
    this.#procedures = new Map(modules.flatMap((module) => proceduresOf(module)).map((found) => [found.name, found]));
    this.#connection = openWriter(':memory:', sizeMaxBytes);
    migrate(this.#connection, schemas);
  }

  async stop(): Promise<void> {
    await this.#pending.idle();
    this.#connection?.close();
    this.#connection = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async write<TArgs, TResult>(procedure: Procedure<TArgs, TResult>, args: TArgs): Promise<TResult> {
    this.#open();
    return (await this.#pending.add({ name: procedure.name, args })) as TResult;
  }

  async lookup<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    return this.#open().all<TRow>(sql, ...values);
  }

  async query<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    return this.#open().all<TRow>(sql, ...values);
  }

  stats(): StoreStats {
    return this.#pending.stats();
  }

  async freeBytes(): Promise<number | undefined> {
    return undefined;
  }

  #open(): SqliteConnection {
    if (this.#connection === undefined) throw storeError('STORE_UNAVAILABLE', { details: { reason: 'not started' } });
    return this.#connection;
  }
}
