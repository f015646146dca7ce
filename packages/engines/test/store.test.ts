import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '@millrace/kit';
import { stressStartStop, type TempDir, tempDir } from '@millrace/testkit';
import { createMemoryStore, createSqliteStore, type Store } from '../src/store/index.ts';
import { addNote, clearNotes } from './notes-procedures.ts';
import { notesSchema } from './notes-schema.ts';

interface Made {
  readonly store: Store;
  readonly directory: TempDir;
}

type StoreOptions = { readonly sizeMaxBytes?: number };

const DRIVERS: Readonly<Record<string, (directory: string, options?: StoreOptions) => Store>> = {
  SQLite: (directory, options) => createSqliteStore({ directory, schemas: [notesSchema], ...options }),
  memory: (_directory, options) => createMemoryStore({ schemas: [notesSchema], ...options }),
};

async function texts(store: Store): Promise<string[]> {
  return (await store.query<{ text: string }>('SELECT text FROM notes ORDER BY id')).map(({ text }) => text);
}

const isCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

for (const [driver, create] of Object.entries(DRIVERS)) {
  describe(`the ${driver} store`, () => {
    async function withStore(use: (made: Made) => Promise<void>, options?: StoreOptions): Promise<void> {
      await using directory = await tempDir();
      await using store = create(directory.path, options);
      await store.start();
      await use({ store, directory });
    }

    test('commits calls made together as one group', () =>
      withStore(async ({ store }) => {
        const before = store.stats().commits;
        const counts = await Promise.all(Array.from({ length: 100 }, (_, n) => store.write(addNote, { text: `${n}` })));
        assert.deepEqual(
          counts,
          Array.from({ length: 100 }, (_, n) => n + 1),
        );
        assert.equal(store.stats().commits - before, 2);
      }));

    test('takes a call of a group that throws back alone', () =>
      withStore(async ({ store }) => {
        const results = await Promise.allSettled(
          ['first', 'second', '', 'third'].map((text) => store.write(addNote, { text })),
        );
        assert.deepEqual(
          results.map(({ status }) => status),
          ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
        );
        assert.match(String((results[2] as PromiseRejectedResult).reason), /An empty note/);
        assert.deepEqual(await texts(store), ['first', 'second', 'third']);
      }));

    test('takes a call that throws back when it is alone in its group', () =>
      withStore(async ({ store }) => {
        await assert.rejects(store.write(addNote, { text: '' }), /An empty note/);
        assert.deepEqual(await texts(store), []);
        assert.equal(await store.write(addNote, { text: 'after' }), 1);
      }));

    test('answers STORE_FULL at its size limit, changes nothing, and goes on after space was made', () =>
      withStore(
        async ({ store }) => {
          const text = 'x'.repeat(1_000);
          let kept = 0;
          await assert.rejects(async () => {
            for (;;) kept = await store.write(addNote, { text, copies: 20 });
          }, isCode('STORE_FULL'));
          assert.ok(kept > 0);
          assert.equal((await texts(store)).length, kept);
          assert.equal(await store.write(clearNotes, {}), kept);
          assert.equal(await store.write(addNote, { text, copies: 20 }), 20);
        },
        { sizeMaxBytes: 400_000 },
      ));

    test('tells everyone in the group when the disk is full, and keeps none of it', () =>
      withStore(
        async ({ store }) => {
          const results = await Promise.allSettled(
            Array.from({ length: 30 }, () => store.write(addNote, { text: 'y'.repeat(10_000), copies: 5 })),
          );
          const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
          assert.ok(refused.length > 0);
          for (const { reason } of refused) assert.ok(isCode('STORE_FULL')(reason));
          assert.equal((await texts(store)).length, (results.length - refused.length) * 5);
        },
        { sizeMaxBytes: 400_000 },
      ));

    test('refuses calls before its start and after its stop', async () => {
      await using directory = await tempDir();
      const store = create(directory.path);
      await assert.rejects(store.write(addNote, { text: 'early' }), isCode('STORE_UNAVAILABLE'));
      await store.start();
      await store.write(addNote, { text: 'in time' });
      await store.stop();
      await assert.rejects(store.write(addNote, { text: 'late' }), isCode('STORE_UNAVAILABLE'));
    });

    test('starts and stops any number of times and at once', async () => {
      await using directory = await tempDir();
      await stressStartStop(() => create(directory.path), { rounds: 2 });
    });
  });
}
