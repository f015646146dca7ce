import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as boundaries from './tidy/boundaries.ts';
import { homes } from './tidy/homes.ts';
import { alikeManifests, packableUrls } from './tidy/publishing.ts';
import { createRepository, loadRepository, type Rule, type Violation } from './tidy/repository.ts';
import * as shape from './tidy/shape.ts';

/** The style guide as a test: every rule runs over the checkout, and is shown to be able to fail. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const repository = loadRepository(root);

type Files = Readonly<Record<string, string>>;

interface Case {
  readonly rule: Rule;
  readonly bad: readonly Files[];
  readonly good: readonly Files[];
}

const manifest = (name: string, rest: object = {}) =>
  JSON.stringify({ name, private: true, version: '0.1.0', exports: { '.': './src/index.ts' }, ...rest });

const PUBLISHABLE = {
  name: '@millrace/mesh',
  version: '0.1.0',
  license: 'MIT',
  type: 'module',
  engines: { node: '>=24' },
  files: ['dist'],
  scripts: { prepack: 'node ../../scripts/prepack.ts', postpack: 'node ../../scripts/postpack.ts' },
  exports: { '.': './src/index.ts' },
};

const PACKAGES: Files = {
  'package.json': JSON.stringify({ name: 'root', devDependencies: { 'fast-check': '1' } }),
  'packages/kit/package.json': manifest('@millrace/kit'),
  'packages/engines/package.json': manifest('@millrace/engines', { exports: { './store': './src/store/index.ts' } }),
  'packages/commands/package.json': manifest('@millrace/commands', {
    dependencies: { '@millrace/kit': '1', croner: '1' },
  }),
  'packages/collector/package.json': manifest('@millrace/collector'),
  'packages/testkit/package.json': manifest('@millrace/testkit'),
};

const lines = (count: number) => 'f();\n'.repeat(count);
const unfinished = ['TO', 'DO'].join('');

const CASES: Readonly<Record<string, Case>> = {
  'imports run down the layers, and rooms never import each other': {
    rule: boundaries.layers,
    bad: [
      { 'packages/kit/src/a.ts': "import { x } from '@millrace/engines/store';" },
      { 'packages/commands/src/a.ts': "import type { x } from '@millrace/collector';" },
      { 'packages/commands/src/a.ts': "const late = await import('@millrace/collector');" },
      { 'packages/commands/src/a.ts': "import { x } from '@millrace/testkit';" },
    ],
    good: [
      { 'packages/commands/src/a.ts': "import { x } from '@millrace/kit';" },
      { 'packages/commands/test/a.test.ts': "import { x } from '@millrace/testkit';" },
    ],
  },
  'a package is crossed only through its exports': {
    rule: boundaries.packageWalls,
    bad: [
      { 'packages/commands/src/a.ts': "import { x } from '@millrace/kit/src/clock.ts';" },
      { 'packages/commands/src/a.ts': "export { x } from '../../kit/src/clock.ts';" },
      { 'test/a.test.ts': "import { x } from '../packages/kit/src/clock.ts';" },
    ],
    good: [
      { 'packages/commands/src/a.ts': "import { x } from '@millrace/engines/store'; import { y } from './b.ts';" },
      { 'packages/commands/test/a.test.ts': "import { x } from '../src/index.ts';" },
      { 'bench/a.ts': "import { x } from '../packages/kit/src/index.ts';" },
    ],
  },
  'what is imported is declared': {
    rule: boundaries.declaredDependencies,
    bad: [
      { 'packages/kit/src/a.ts': "import x from 'lru-cache';" },
      { 'packages/commands/src/a.ts': "import type { x } from '@millrace/engines/store';" },
      { 'packages/kit/src/a.ts': "import fc from 'fast-check';" },
    ],
    good: [
      { 'packages/commands/src/a.ts': "import { Cron } from 'croner'; import fs from 'node:fs';" },
      { 'packages/kit/test/a.test.ts': "import fc from 'fast-check'; import { test } from '@millrace/testkit';" },
      { 'test/a.test.ts': "import { x } from '@millrace/commands';" },
    ],
  },
  'what is declared is used': {
    rule: boundaries.usedDependencies,
    bad: [{ 'packages/commands/src/a.ts': "import { x } from '@millrace/kit';" }],
    good: [{ 'packages/commands/src/a.ts': "import '@millrace/kit';\nimport type { Cron } from 'croner';" }],
  },
  'no file imports itself by way of others': {
    rule: boundaries.noCycles,
    bad: [
      {
        'packages/kit/src/a.ts': "import { b } from './b.ts';",
        'packages/kit/src/b.ts': "import type { a } from './a.ts';",
      },
    ],
    good: [{ 'packages/kit/src/a.ts': "import { b } from './b.ts';", 'packages/kit/src/b.ts': '' }],
  },
  'a table is touched only by its own room': {
    rule: boundaries.ownTables,
    bad: [
      {
        'packages/commands/src/migrations.ts': 'const a = `CREATE TABLE commands (id INTEGER)`;',
        'packages/collector/src/b.ts': "const b = 'SELECT * FROM events JOIN commands USING (id)';",
      },
    ],
    good: [
      {
        'packages/commands/src/migrations.ts': 'const a = `CREATE TABLE IF NOT EXISTS commands (id INTEGER)`;',
        'packages/commands/src/a.ts': "const b = 'UPDATE commands SET id = 1';",
        'packages/collector/src/b.ts': "const b = 'Take it from commands.';",
        'test/a.test.ts': "const b = 'SELECT id FROM commands';",
      },
    ],
  },
  'a runtime dependency has a note in docs/decisions': {
    rule: boundaries.decidedDependencies,
    bad: [{ 'docs/decisions/0001-a.md': 'Nothing about it.' }],
    good: [{ 'docs/decisions/0001-a.md': 'We take `croner` for schedules.' }],
  },
  'published packages are built, licensed and versioned alike': {
    rule: alikeManifests,
    bad: [
      { 'packages/mesh/package.json': JSON.stringify({ ...PUBLISHABLE, engines: { node: '>=20' } }) },
      { 'packages/mesh/package.json': JSON.stringify({ ...PUBLISHABLE, scripts: {} }) },
      { 'packages/mesh/package.json': JSON.stringify({ ...PUBLISHABLE, dependencies: { '@millrace/kit': '^0.0.9' } }) },
    ],
    good: [{ 'packages/mesh/package.json': JSON.stringify(PUBLISHABLE) }],
  },
  'modules named by URL exist once packed': {
    rule: packableUrls,
    bad: [{ 'packages/kit/src/a.ts': "new Worker(new URL('./b.ts', import.meta.url));" }],
    good: [
      { 'packages/kit/src/a.ts': "new URL(import.meta.url.endsWith('.ts') ? './b.ts' : './b.js', import.meta.url);" },
      { 'packages/kit/test/a.test.ts': "new URL('./b.ts', import.meta.url);" },
    ],
  },
  'environment, console, time and chance have one home each': {
    rule: homes,
    bad: [
      'process.env.PORT;',
      "console.log('x');",
      'const t = Date.now();',
      'const t = new Date();',
      'setTimeout(f, 1);',
      "import { setTimeout as sleep } from 'node:timers/promises';",
      'const r = Math.random();',
    ].map((text) => ({ 'packages/commands/src/a.ts': text })),
    good: [
      { 'packages/commands/src/a.ts': "const t = new Date(5); const text = 'console.log'; // console.log" },
      { 'packages/commands/test/a.test.ts': 'setTimeout(f, 1);' },
      { 'packages/commands/src/a.ts': "import { setImmediate as turn } from 'node:timers/promises';" },
      { 'packages/kit/src/clock.ts': 'const t = Date.now();' },
      { 'apps/server/src/config.ts': 'process.env.PORT;' },
      { 'scripts/a.ts': "console.log('x');" },
    ],
  },
  'files have at most 400 lines, tests 600': {
    rule: shape.fileSize,
    bad: [{ 'packages/kit/src/a.ts': lines(401) }, { 'packages/kit/test/a.test.ts': lines(601) }],
    good: [{ 'packages/kit/src/a.ts': lines(400), 'packages/kit/test/a.test.ts': lines(600) }],
  },
  'functions have at most 70 lines and 3 parameters': {
    rule: shape.functionSize,
    bad: [
      { 'packages/kit/src/a.ts': `const a = () => {\n${lines(69)}};` },
      { 'packages/kit/src/a.ts': 'function a(b: string, c: string, d: string, e: string): void {}' },
    ],
    good: [
      { 'packages/kit/src/a.ts': `class A {\n a(b: string) {\n${lines(68)}}\n}` },
      { 'packages/kit/test/a.test.ts': `describe('x', () => {\n${lines(100)}});` },
    ],
  },
  'files are named in kebab-case after what they hold': {
    rule: shape.fileNames,
    bad: ['packages/kit/src/jobRescuer.ts', 'packages/kit/src/string-utils.ts', 'packages/kit/src/helpers/a.ts'].map(
      (path) => ({ [path]: '' }),
    ),
    good: [
      { 'packages/kit/src/job-rescuer.ts': '', 'packages/kit/test/a.test.ts': '', 'packages/kit/src/type-name.ts': '' },
    ],
  },
  'index.ts holds names only': {
    rule: shape.thinIndexes,
    bad: [{ 'packages/kit/src/index.ts': 'export const x = 1;' }],
    good: [{ 'packages/kit/src/index.ts': "export * from './a.ts'; export { b } from './b.ts';" }],
  },
  'nothing is exported as default': {
    rule: shape.noDefaultExports,
    bad: [{ 'packages/kit/src/a.ts': 'export default 1;' }],
    good: [{ 'load/a.js': 'export default 1;' }],
  },
  'modules hold no mutable state': {
    rule: shape.noModuleState,
    bad: [{ 'packages/kit/src/a.ts': 'let count = 0;' }, { 'packages/kit/src/a.ts': 'export let count = 0;' }],
    good: [{ 'packages/kit/src/a.ts': 'const a = 1; function f() { let b = 0; }' }],
  },
  'tests run whole': {
    rule: shape.wholeTests,
    bad: ['only', 'skip', 'todo'].map((word) => ({ 'test/a.test.ts': `test.${word}('x', () => {});` })),
    good: [{ 'test/a.test.ts': "test('x', { skip: 'prometheus is not installed' }, () => {});" }],
  },
  'unfinished work is an issue, not a comment': {
    rule: shape.finishedComments,
    bad: [{ 'packages/kit/src/a.ts': `// ${unfinished}: later` }],
    good: [
      { 'packages/kit/src/a.ts': `// ${unfinished} #12: later` },
      { 'packages/kit/src/a.ts': `f('${unfinished}');` },
    ],
  },
  'no file names a directory of one machine': {
    rule: shape.noMachinePaths('/builds/here/millrace'),
    bad: [
      { 'README.md': 'See /builds/here/other.txt' },
      { 'docs/a.md': `cd /${['home', 'ada'].join('/')}/millrace` },
      { 'packages/kit/src/a.ts': "const a = '/builds/here/millrace/b';" },
    ],
    good: [{ 'README.md': 'See https://example.org/builds/here/x and /builds/elsewhere' }],
  },
};

const ON_CHECKOUT: Readonly<Record<string, Rule>> = {
  'no file names a directory of one machine': shape.noMachinePaths(root),
};

for (const [name, { rule, bad, good }] of Object.entries(CASES)) {
  test(`${name}: the checkout`, () => {
    const violations = (ON_CHECKOUT[name] ?? rule)(repository);
    assert.ok(violations.length === 0, `\n${violations.map(describeViolation).join('\n')}\n`);
  });

  test(`${name}: the rule tells bad from good`, () => {
    for (const files of bad) {
      const violations = rule(fixture(files));
      assert.ok(violations.length > 0, `It lets this pass: ${JSON.stringify(files)}`);
      for (const violation of violations)
        assert.ok(violation.instead.length > 0, 'A violation says what to do instead.');
    }
    for (const files of good) {
      assert.deepEqual(rule(fixture(files)).map(describeViolation), [], `It forbids this: ${JSON.stringify(files)}`);
    }
  });
}

test('the checkout was read: every workspace and its code', () => {
  const names = repository.workspaces.map((workspace) => workspace.name);
  for (const name of ['@millrace/kit', '@millrace/commands', 'millrace']) assert.ok(names.includes(name), name);
  assert.ok(repository.code.some((file) => file.path === 'packages/kit/src/clock.ts'));
});

function fixture(files: Files) {
  return createRepository(new Map(Object.entries({ ...PACKAGES, ...files })));
}

function describeViolation({ path, line, problem, instead }: Violation): string {
  return `${path}${line === undefined ? '' : `:${line}`}: ${problem}. ${instead}`;
}
