import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AppError } from '@millrace/kit';
import { STORE_ERRORS, storeError } from './errors.ts';
import { PendingWrites } from './pending-writes.ts';
import type { CommitObserver, Procedure, SqlValue, Store, StoreSchema, StoreStats } from './port.ts';
import { QueryThread } from './query-thread.ts';
import { openReader, type SqliteConnection } from './sqlite-connection.ts';
import type { WriterData, WriterReply, WriterRequest } from './writer-thread.ts';

export interface SqliteStoreOptions {
  /** The directory of the database; it must exist and be locked by the caller. */
  readonly directory: string;
  readonly schemas: readonly StoreSchema[];
  /** The database never grows past this many bytes; default: no limit but the disk. */
  readonly sizeMaxBytes?: number | undefined;
  /** Writes that may wait before STORE_OVERLOADED; default 10,000. */
  readonly pendingCallsMax?: number | undefined;
  readonly onCommit?: CommitObserver | undefined;
}

/** Heap of the writer thread in MiB: a group is at most a batch of 16 MiB, several times over while it is cloned. */
const WRITER_HEAP_MB = 384;
const WRITER_YOUNG_HEAP_MB = 4;

/**
 * The embedded store: SQLite in WAL with `synchronous=FULL`, written by one thread of its own so that an fsync never
 * stops the event loop, read by key on the caller's thread and by lists in a reader thread.
 */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  return new SqliteStore(options);
}

class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions;
  readonly #file: string;
  readonly #pending: PendingWrites;
  #writer: Worker | undefined;
  #reader: SqliteConnection | undefined;
  #queries: QueryThread | undefined;
  #starting: Promise<void> | undefined;
  #failure: string | undefined = 'not started';

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
    this.#file = join(options.directory, 'millrace.db');
    this.#pending = new PendingWrites({
      pendingCallsMax: options.pendingCallsMax,
      onCommit: options.onCommit,
      send: (calls) => this.#writer?.postMessage(JSON.stringify({ calls } satisfies WriterRequest)),
    });
  }

  start(): Promise<void> {
    this.#starting ??= this.#open().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    this.#starting = undefined;
    await this.#pending.idle();
    const writer = this.#writer;
    this.#writer = undefined;
    this.#failure = 'stopped';
    await this.#queries?.stop();
    this.#queries = undefined;
    this.#reader?.close();
    this.#reader = undefined;
    if (writer !== undefined) {
      const exited = new Promise((resolve) => writer.once('exit', resolve));
      writer.postMessage(JSON.stringify({ close: true } satisfies WriterRequest));
      await exited;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async write<TArgs, TResult>(procedure: Procedure<TArgs, TResult>, args: TArgs): Promise<TResult> {
    if (this.#failure !== undefined) throw storeError('STORE_UNAVAILABLE', { details: { reason: this.#failure } });
    return (await this.#pending.add({ name: procedure.name, args })) as TResult;
  }

  async lookup<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    if (this.#reader === undefined) throw storeError('STORE_UNAVAILABLE', { details: { reason: 'not started' } });
    return this.#reader.all<TRow>(sql, ...values);
  }

  async query<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]> {
    if (this.#queries === undefined) throw storeError('STORE_UNAVAILABLE', { details: { reason: 'not started' } });
    return (await this.#queries.query(sql, values)) as readonly TRow[];
  }

  stats(): StoreStats {
    return this.#pending.stats();
  }

  async freeBytes(): Promise<number | undefined> {
    const disk = await statfs(dirname(this.#file));
    return disk.bavail * disk.bsize;
  }

  async #open(): Promise<void> {
    const data: WriterData = {
      file: this.#file,
      sizeMaxBytes: this.#options.sizeMaxBytes,
      schemas: this.#options.schemas.map(({ migrations, procedures }) => ({
        migrations,
        procedures: procedures.map((url) => url.href),
      })),
    };
    const writer = new Worker(threadModule('./writer-thread'), {
      workerData: data,
      name: 'millrace-store-writer',
      resourceLimits: { maxOldGenerationSizeMb: WRITER_HEAP_MB, maxYoungGenerationSizeMb: WRITER_YOUNG_HEAP_MB },
    });
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error) => reject(ownError(error));
      writer.once('error', onError);
      writer.once('message', () => {
        writer.off('error', onError);
        resolve();
      });
    });
    writer.on('message', (text: string) => {
      const { replies, seconds } = JSON.parse(text) as WriterReply;
      this.#pending.settle(replies, seconds);
    });
    writer.on('error', (error: Error) => this.#fail(error.message));
    writer.on('exit', () => this.#fail('its writer thread has ended'));
    this.#writer = writer;
    this.#failure = undefined;
    this.#reader = openReader(this.#file);
    this.#queries = new QueryThread(threadModule('./reader-thread'), this.#file);
  }

  #fail(reason: string): void {
    this.#failure ??= reason;
    this.#pending.failAll(reason);
  }
}

/** Gives an error of ours its class back: between threads only its fields survive. */
function ownError(error: Error): Error {
  const { code = '', details } = error as Partial<AppError>;
  return code in STORE_ERRORS ? storeError(code as keyof typeof STORE_ERRORS, { details, cause: error }) : error;
}

/** A thread's module beside this one: TypeScript in a checkout, JavaScript in a published package. */
function threadModule(path: string): URL {
  return new URL(`${path}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
