import type { Procedure } from './port.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

/** A call as it crosses to the writer. */
export interface StoreCall {
  readonly name: string;
  readonly args: unknown;
}

/** What became of a call; `fault` is data because errors lose their class between threads. */
export type StoreReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: StoreFault };

export interface StoreFault {
  readonly kind: 'full' | 'unavailable' | 'bug';
  readonly message: string;
}

/** `SQLITE_FULL` and the disk-full flavours of `SQLITE_IOERR` (SQLite documentation, "Result and Error Codes"). */
const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;

export type ProcedureMap = ReadonlyMap<string, Procedure<never, unknown>>;

/** Collects the procedures among a module's exports. */
export function proceduresOf(module: Readonly<Record<string, unknown>>): Procedure<never, unknown>[] {
  return Object.values(module).filter(
    (value): value is Procedure<never, unknown> =>
      typeof value === 'object' && value !== null && 'sqlite' in value && 'name' in value,
  );
}

/**
 * Runs the calls in one transaction: one fsync for all. Among several each has a savepoint, so that one that throws
 * takes back its own changes only. When the commit itself fails, nothing of the group was kept and all say so.
 */
export function runGroup(
  connection: SqliteConnection,
  procedures: ProcedureMap,
  calls: readonly StoreCall[],
): readonly StoreReply[] {
  const { database } = connection;
  try {
    database.exec('BEGIN IMMEDIATE');
    const replies =
      calls.length === 1
        ? calls.map((call) => ({ ok: true as const, value: invoke(connection, procedures, call) }))
        : calls.map((call) => runSaved(connection, procedures, call));
    database.exec('COMMIT');
    return replies;
  } catch (error) {
    rollback(connection);
    const fault = faultOf(error);
    return calls.map(() => ({ ok: false, fault }));
  }
}

function runSaved(connection: SqliteConnection, procedures: ProcedureMap, call: StoreCall): StoreReply {
  connection.run('SAVEPOINT call');
  try {
    const value = invoke(connection, procedures, call);
    connection.run('RELEASE call');
    return { ok: true, value };
  } catch (error) {
    const fault = faultOf(error);
    // A full disk may have ended the whole transaction already: then there is nothing to take back singly.
    if (fault.kind !== 'bug' || !connection.database.isTransaction) throw error;
    connection.run('ROLLBACK TO call');
    connection.run('RELEASE call');
    return { ok: false, fault };
  }
}

function invoke(connection: SqliteConnection, procedures: ProcedureMap, call: StoreCall): unknown {
  const procedure = procedures.get(call.name);
  if (procedure === undefined) throw new TypeError(`No procedure ${call.name}: is its module in a StoreSchema?`);
  return procedure.sqlite(connection, call.args as never);
}

function rollback(connection: SqliteConnection): void {
  try {
    if (connection.database.isTransaction) connection.database.exec('ROLLBACK');
  } catch {
    // The connection is in no state to roll back; SQLite has done so itself or will when it is closed.
  }
}

/** Tells a full disk and a failing one from a mistake of ours. */
export function faultOf(error: unknown): StoreFault {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
  if (code === SQLITE_FULL) return { kind: 'full', message };
  const down = [SQLITE_IOERR, SQLITE_BUSY, SQLITE_READONLY, SQLITE_CORRUPT, SQLITE_CANTOPEN].includes(code);
  return { kind: down ? 'unavailable' : 'bug', message };
}
