import { createSqliteStore, lockDataDirectory } from '../src/store/index.ts';
import { addNote } from './notes-procedures.ts';
import { notesSchema } from './notes-schema.ts';

/** A program that writes notes without end and prints the number of each once it is durable. Usage: <data directory> */
const [directory = ''] = process.argv.slice(2);
const _lock = lockDataDirectory(directory);
const store = createSqliteStore({ directory, schemas: [notesSchema] });
await store.start();
console.log('ready');
for (let number = 0; ; number += 10) {
  await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      await store.write(addNote, { text: `note-${number + index}` });
      process.stdout.write(`acknowledged ${number + index}\n`);
    }),
  );
}
