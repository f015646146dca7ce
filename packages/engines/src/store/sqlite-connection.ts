import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { SqlConnection, SqlValue } from './port.ts';

/** Statements kept per connection; the rooms' own texts are far fewer, lists with filters make the rest. */
const STATEMENTS_KEPT_MAX = 500;

/** Page cache of the writer in KiB: enough for the upper levels of the indexes; left alone SQLite grew past 150 MB. */
const WRITER_CACHE_KIB = 16_384;
const READER_CACHE_KIB = 4_096;

/** A checkpoint copies every page once however often it changed: larger costs disk, smaller costs random writes. */
const WAL_AUTOCHECKPOINT_PAGES = 8_000;
const WAL_KEPT_BYTES = 64 * 1024 * 1024;
const BUSY_TIMEOUT_MS = 5_000;

/** A connection that keeps its prepared statements. */
export class SqliteConnection implements SqlConnection {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  run(sql: string, ...values: readonly SqlValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  get<TRow>(sql: string, ...values: readonly SqlValue[]): TRow | undefined {
    return this.#prepare(sql).get(...values) as TRow | undefined;
  }

  all<TRow>(sql: string, ...values: readonly SqlValue[]): TRow[] {
    return this.#prepare(sql).all(...values) as TRow[];
  }

  close(): void {
    this.#statements.clear();
    if (this.database.isOpen) this.database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= STATEMENTS_KEPT_MAX) this.#statements.clear();
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/**
 * Opens the one connection that writes. `synchronous=FULL` makes a commit wait for the disk (SQLite documentation,
 * "PRAGMA synchronous"): that is what an acknowledgement promises.
 *
 * @param sizeMaxBytes the database file never grows past this; `undefined` for no limit
 */
export function openWriter(file: string, sizeMaxBytes?: number): SqliteConnection {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -${WRITER_CACHE_KIB};
    PRAGMA wal_autocheckpoint = ${WAL_AUTOCHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = OFF;
  `);
  if (sizeMaxBytes !== undefined) {
    const { page_size: pageSize } = database.prepare('PRAGMA page_size').get() as { page_size: number };
    database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(sizeMaxBytes / pageSize))}`);
  }
  return new SqliteConnection(database);
}

/** Opens a connection that only reads; in WAL it never waits for the writer. */
export function openReader(file: string): SqliteConnection {
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  database.exec(`PRAGMA cache_size = -${READER_CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON;`);
  return new SqliteConnection(database);
}
