import { storeError } from './errors.ts';
import type { Migration, StoreSchema } from './port.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

/**
 * Brings the schema to this version, each step in a transaction of its own.
 *
 * @throws STORE_NEWER when the database holds a step that this version does not know
 */
export function migrate(connection: SqliteConnection, schemas: readonly Pick<StoreSchema, 'migrations'>[]): void {
  const { database } = connection;
  database.exec(
    'CREATE TABLE IF NOT EXISTS millrace_migrations (id TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT',
  );
  const applied = new Set(connection.all<{ id: string }>('SELECT id FROM millrace_migrations').map((row) => row.id));
  const steps: readonly Migration[] = schemas.flatMap((schema) => schema.migrations);
  const known = new Set(steps.map((step) => step.id));
  const unknown = [...applied].find((id) => !known.has(id));
  if (unknown !== undefined) throw storeError('STORE_NEWER', { details: { found: unknown } });
  for (const step of steps) {
    if (!applied.has(step.id)) applyStep(connection, step, applied.size);
  }
}

function applyStep(connection: SqliteConnection, step: Migration, order: number): void {
  const { database } = connection;
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(step.sqlite);
    connection.run('INSERT INTO millrace_migrations (id, applied) VALUES (?, ?)', step.id, order);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
