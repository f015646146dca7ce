import type { Service } from '@millrace/kit';

/** What SQL takes and gives: no booleans, no dates, no undefined. Instants are ms since the epoch. */
export type SqlValue = null | number | string | Uint8Array;

export type SqlRow = Readonly<Record<string, SqlValue>>;

/** A synchronous connection inside a write transaction. Statements are prepared once per text and kept. */
export interface SqlConnection {
  /** Runs a statement and returns how many rows it changed. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  get<TRow>(sql: string, ...values: readonly SqlValue[]): TRow | undefined;
  all<TRow>(sql: string, ...values: readonly SqlValue[]): TRow[];
}

/**
 * A named write, run beside the database in one transaction: no awaits, no clock, no randomness; everything comes in
 * by `args`. These and the result travel as JSON. A throw rolls back this call alone.
 */
export interface Procedure<TArgs, TResult> {
  readonly name: string;
  readonly sqlite: (db: SqlConnection, args: TArgs) => TResult;
}

export function defineProcedure<TArgs, TResult>(procedure: Procedure<TArgs, TResult>): Procedure<TArgs, TResult> {
  return Object.freeze(procedure);
}

/** A step of a room's schema. Append-only: a step that has shipped is never edited. */
export interface Migration {
  /** `<room>-<number>`, ascending within the room. */
  readonly id: string;
  readonly sqlite: string;
}

/** A room's share of the store: its tables and the modules whose exports are its procedures. */
export interface StoreSchema {
  readonly room: string;
  readonly migrations: readonly Migration[];
  /** Modules that the writer loads; every exported `Procedure` becomes callable. */
  readonly procedures: readonly URL[];
}

/** Durable tables: all that a room knows of the database. */
export interface Store extends Service {
  /**
   * Runs a procedure in a write transaction; resolves once it is durable. Calls made while a commit is in flight ride
   * the next one together (group commit), each rolled back alone if it throws.
   *
   * @throws STORE_FULL when the disk or the size limit is reached, STORE_UNAVAILABLE when closed or failed,
   *   STORE_OVERLOADED when more than `pendingCallsMax` calls wait
   */
  write<TArgs, TResult>(procedure: Procedure<TArgs, TResult>, args: TArgs): Promise<TResult>;
  /** A look-up by key of at most a few rows: on a connection near the caller, never behind a scan. */
  lookup<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]>;
  /** Lists, statistics, exports: on a connection of their own, off the event loop. */
  query<TRow>(sql: string, ...values: readonly SqlValue[]): Promise<readonly TRow[]>;
  /** For gauges and health: how the store is doing now. */
  stats(): StoreStats;
  /** Free bytes on the disk under the store, or `undefined` where that means nothing. */
  freeBytes(): Promise<number | undefined>;
}

export interface StoreStats {
  readonly pendingCalls: number;
  readonly commits: number;
  /** Calls per commit and seconds per commit, summed: divide by `commits` for the mean. */
  readonly calls: number;
  readonly commitSeconds: number;
  readonly lastError: string | undefined;
}

/** Called after every commit; the server feeds histograms with it. */
export type CommitObserver = (commit: { readonly calls: number; readonly seconds: number }) => void;
