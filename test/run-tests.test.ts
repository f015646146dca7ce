import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess, tempDir } from '@millrace/testkit';

const RUNNER = fileURLToPath(new URL('../scripts/run-tests.ts', import.meta.url));
const PASSES = "test('adds', () => {});";
const SKIPS = "test('sees', { skip: 'an eye is not installed' }, () => {});";
const FAILS = "test('breaks', () => { throw new Error('on purpose'); });";

/** Runs `npm test` on one file with these tests. */
async function runTests(...tests: readonly string[]) {
  await using dir = await tempDir();
  const file = dir.join('sample.test.mjs');
  await writeFile(file, ["import { test } from 'node:test';", ...tests].join('\n'));
  await using runner = await startProcess({ command: process.execPath, args: [RUNNER, file] });
  const { code } = await runner.exited;
  return { code, output: runner.output() };
}

test('the last lines of npm test name what was skipped, and why', async () => {
  const { code, output } = await runTests(PASSES, SKIPS);
  assert.equal(code, 0, output);
  assert.match(
    output,
    /Skipped 1 tests:\n {2}an eye is not installed\n {4}- sees\n\n1 test files on Node v\S+ in .* s: passed\n$/,
  );
});

test('npm test fails when a test fails, and says how many', async () => {
  const { code, output } = await runTests(PASSES, FAILS);
  assert.equal(code, 1, output);
  assert.match(output, /Nothing was skipped\./);
  assert.match(output, /FAILED \(1 tests\)\n$/);
});

test('npm test fails when a file cannot be loaded', async () => {
  const { code, output } = await runTests("import 'no-such-package-anywhere';");
  assert.equal(code, 1, output);
});

test('npm test fails when there is nothing to run', async () => {
  await using runner = await startProcess({ command: process.execPath, args: [RUNNER, 'no/such/*.test.ts'] });
  assert.equal((await runner.exited).code, 1);
  assert.match(runner.output(), /No test files found/);
});
