import type { StoreSchema } from '../src/store/index.ts';

/** One table and two procedures: all that the tests of the store need. */
export const notesSchema: StoreSchema = {
  room: 'notes',
  migrations: [{ id: 'notes-0001', sqlite: 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT' }],
  procedures: [new URL('./notes-procedures.ts', import.meta.url)],
};
