import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadHandlersFile } from '../src/handlers-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-handlers-'));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return name;
}

const load = (name: string): Promise<readonly { readonly type: string }[]> => loadHandlersFile(name, directory);

test('every exported definition of a TypeScript file is found, lists included', async () => {
  const file = write(
    'good.ts',
    `interface P { name: string }
     const greet = { type: 'GREET', handler: (command: { payload: P }) => command.payload.name };
     export { greet, greet as again };
     export const others = [{ type: 'ADD', handler: () => 1 }, { type: 'SUB', handler: () => 2 }];
     export const note: string = 'not a definition';`,
  );
  assert.deepEqual(
    (await load(file)).map(({ type }) => type),
    ['GREET', 'ADD', 'SUB'],
  );
});

test('a file that is missing is named, and so is one with a similar name', async () => {
  write('handlers.ts', '');
  await assert.rejects(load('handler.ts'), { message: /handler\.ts does not exist\. Did you mean handlers\.ts\?$/ });
});

test('a file without definitions says what it exports instead', async () => {
  const file = write('empty.ts', 'export const greet = () => 1;');
  await assert.rejects(load(file), { code: 'HANDLERS_EMPTY', message: /it exports greet\.$/ });
});

test('a syntax error is told with its line, in TypeScript and in JavaScript', async () => {
  await assert.rejects(load(write('wrong.ts', 'export const a = {\n  b: 1,,\n};')), {
    code: 'HANDLERS_NOT_LOADED',
    message: /wrong\.ts:2: Unexpected token/,
  });
  await assert.rejects(load(write('wrong.mjs', 'export const a = {\n  b: 1,,\n};')), {
    message: /wrong\.mjs:2: Unexpected/,
  });
});

test('an error thrown by the file is told with its place', async () => {
  await assert.rejects(load(write('throws.ts', 'export const a = 1;\nthrow new Error("no database");')), {
    message: /throws\.ts:2:\d+: no database/,
  });
});

test('two definitions of one type are refused', async () => {
  const file = write(
    'twice.ts',
    `export const a = { type: 'X', handler: () => 1 };\nexport const b = { type: 'X', handler: () => 2 };`,
  );
  await assert.rejects(load(file), { code: 'HANDLERS_DUPLICATE', message: /type X twice: in its exports a and b\./ });
});
