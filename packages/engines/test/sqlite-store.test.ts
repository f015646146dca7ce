import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { AppError } from '@millrace/kit';
import { eventually, startProcess, tempDir } from '@millrace/testkit';
import { createSqliteStore, lockDataDirectory } from '../src/store/index.ts';
import { addNote } from './notes-procedures.ts';
import { notesSchema } from './notes-schema.ts';

const WRITER = join(import.meta.dirname, 'notes-writer.ts');
const isCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

test('what was acknowledged before kill -9 is all there, and the database opens whole', async () => {
  await using directory = await tempDir();
  for (let round = 0; round < 3; round++) {
    await using writer = await startProcess({
      command: process.execPath,
      args: [WRITER, directory.path],
      readyWhen: /ready/,
    });
    await writer.waitFor(/acknowledged 199\n/);
    await writer.kill9();
    const numbers = [...writer.output().matchAll(/acknowledged (\d+)\n/g)].map(([, number]) => Number(number));
    const database = new DatabaseSync(directory.join('millrace.db'));
    const kept = new Set(
      database
        .prepare('SELECT text FROM notes')
        .all()
        .map(({ text }) => text),
    );
    for (const number of numbers) assert.ok(kept.has(`note-${number}`), `note-${number} was acknowledged and is lost`);
    assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
    database.exec('DELETE FROM notes');
    database.close();
  }
});

test('a second process is told which directory is taken and what to do; kill -9 of the first frees it', async () => {
  await using directory = await tempDir();
  const first = await startProcess({ command: process.execPath, args: [WRITER, directory.path], readyWhen: /ready/ });
  await using _first = first;
  assert.throws(
    () => lockDataDirectory(directory.path),
    (error) => isCode('STORE_LOCKED')(error) && String(error).includes(directory.path) && /--data/.test(String(error)),
  );
  await first.kill9();
  using lock = lockDataDirectory(directory.path);
  assert.equal(lock.directory, directory.path);
});

test('the lock can be given back and taken again, and makes a directory that only its owner may read', async () => {
  await using directory = await tempDir();
  const path = directory.join('deep', 'data');
  const first = lockDataDirectory(path);
  assert.throws(() => lockDataDirectory(path), isCode('STORE_LOCKED'));
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  using _again = lockDataDirectory(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('a database of a newer version is refused and left as it is', async () => {
  await using directory = await tempDir();
  const next = { id: 'notes-0002', sqlite: 'ALTER TABLE notes ADD COLUMN more TEXT' };
  const newer = { ...notesSchema, migrations: [...notesSchema.migrations, next] };
  await using ahead = createSqliteStore({ directory: directory.path, schemas: [newer] });
  await ahead.start();
  await ahead.stop();
  await using behind = createSqliteStore({ directory: directory.path, schemas: [notesSchema] });
  await assert.rejects(behind.start(), (error) => isCode('STORE_NEWER')(error) && /notes-0002/.test(String(error)));
  const database = new DatabaseSync(directory.join('millrace.db'));
  assert.equal(database.prepare('SELECT count(*) AS n FROM millrace_migrations').get()?.n, 2);
  database.close();
});

test('a migration that fails half way leaves nothing of itself, and the repaired one is applied later', async () => {
  await using directory = await tempDir();
  const bad = { id: 'notes-0002', sqlite: 'CREATE TABLE half (x); CREATE TABLE half (x);' };
  const good = { id: 'notes-0002', sqlite: 'CREATE TABLE whole (x)' };
  const withStep = (step: typeof bad) => ({ ...notesSchema, migrations: [...notesSchema.migrations, step] });
  await using broken = createSqliteStore({ directory: directory.path, schemas: [withStep(bad)] });
  await assert.rejects(broken.start());
  await using repaired = createSqliteStore({ directory: directory.path, schemas: [withStep(good)] });
  await repaired.start();
  const tables = await repaired.query<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE name IN ('half', 'whole')",
  );
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['whole'],
  );
});

test('writes beyond the limit of waiting calls are refused at once with a time to try again', async () => {
  await using directory = await tempDir();
  await using store = createSqliteStore({ directory: directory.path, schemas: [notesSchema], pendingCallsMax: 10 });
  await store.start();
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => store.write(addNote, { text: 'z' })));
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  assert.equal(results.length - refused.length, 11, 'one under way and ten that wait');
  for (const { reason } of refused) {
    assert.ok(isCode('STORE_OVERLOADED')(reason));
    assert.equal((reason as AppError).retryAfterMs, 1_000);
  }
  await eventually(() => assert.equal(store.stats().pendingCalls, 0));
});

test('data is there after a stop and a new start, of the same store and of another', async () => {
  await using directory = await tempDir();
  await using store = createSqliteStore({ directory: directory.path, schemas: [notesSchema] });
  await store.start();
  await store.write(addNote, { text: 'kept' });
  await store.stop();
  await store.start();
  assert.equal(await store.write(addNote, { text: 'more' }), 2);
  assert.deepEqual(
    await store.lookup('SELECT text FROM notes WHERE id = ?', 1),
    [{ text: 'kept' }].map((row) => Object.assign(Object.create(null), row)),
  );
});
