import { defineProcedure } from '../src/store/index.ts';

/** Adds a note; refuses an empty one after it has been written, to show that it is taken back. */
export const addNote = defineProcedure<{ text: string; copies?: number }, number>({
  name: 'notes.add',
  sqlite(db, { text, copies = 1 }) {
    for (let copy = 0; copy < copies; copy++) db.run('INSERT INTO notes (text) VALUES (?)', text);
    if (text === '') throw new Error('An empty note.');
    return db.get<{ n: number }>('SELECT count(*) AS n FROM notes')?.n ?? 0;
  },
});

export const clearNotes = defineProcedure<Record<string, never>, number>({
  name: 'notes.clear',
  sqlite: (db) => db.run('DELETE FROM notes'),
});
