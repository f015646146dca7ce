import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

/**
 * `npm test`: every test of every workspace and of `test/`, by the runner of Node itself.
 *
 * Beyond `node --test` it knows the long mode, ends with the list of what was skipped and why, and fails when nothing
 * was found to run.
 */
const TEST_GLOBS = [
  'packages/*/test/**/*.test.ts',
  'apps/*/test/**/*.test.ts',
  'examples/**/*.test.ts',
  'test/**/*.test.ts',
];

/** Test files at a time: they spawn servers and measure latencies, so more would make them slow rather than fast. */
const CONCURRENCY_MAX = 2;
/** A file that runs longer hangs; `npm test` as a whole must end within five minutes. */
const FILE_TIMEOUT_MS = 150_000;
const LONG_FILE_TIMEOUT_MS = 45 * 60_000;
const SLOWEST_SHOWN = 5;

interface Skipped {
  readonly name: string;
  readonly reason: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false } },
});
if (values.long) process.env.MILLRACE_LONG = '1';

const files = globSync(positionals.length > 0 ? positionals : TEST_GLOBS, {
  exclude: (path) => path.includes('node_modules'),
}).sort();
if (files.length === 0) {
  console.error('No test files found: run this from the root of the repository.');
  process.exit(1);
}

const startedAt = performance.now();
const skipped: Skipped[] = [];
const durations = new Map<string, number>();
let failed = 0;
let succeeded = false;
const stream = run({
  files,
  concurrency: Math.min(CONCURRENCY_MAX, availableParallelism()),
  timeout: values.long ? LONG_FILE_TIMEOUT_MS : FILE_TIMEOUT_MS,
});
stream.on('test:summary', (event) => {
  if (event.file !== undefined) return;
  succeeded = event.success;
  failed = event.counts.tests - event.counts.passed - event.counts.skipped - event.counts.todo;
});
stream.on('test:pass', (event) => {
  if (event.skip !== undefined) skipped.push({ name: event.name, reason: reasonOf(event.skip) });
  if (event.nesting === 0 && event.file !== undefined) {
    durations.set(event.file, (durations.get(event.file) ?? 0) + event.details.duration_ms);
  }
});

const report = stream.compose(spec);
report.pipe(process.stdout);
report.on('end', () => {
  printSlowest();
  printSkipped();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const verdict = succeeded ? 'passed' : `FAILED (${failed} tests)`;
  console.log(`\n${files.length} test files on Node ${process.version} in ${seconds} s: ${verdict}`);
  process.exitCode = succeeded ? 0 : 1;
});

function reasonOf(skip: string | boolean): string {
  return typeof skip === 'string' && skip !== '' ? skip : 'no reason given';
}

function printSlowest(): void {
  const slowest = [...durations].sort((a, b) => b[1] - a[1]).slice(0, SLOWEST_SHOWN);
  console.log('\nSlowest files:');
  for (const [file, ms] of slowest) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${relative(file)}`);
}

function printSkipped(): void {
  if (skipped.length === 0) {
    console.log('\nNothing was skipped.');
    return;
  }
  const byReason = Map.groupBy(skipped, (test) => test.reason);
  console.log(`\nSkipped ${skipped.length} tests:`);
  for (const [reason, tests] of byReason) {
    console.log(`  ${reason}`);
    for (const test of tests) console.log(`    - ${test.name}`);
  }
}

function relative(file: string): string {
  return file.startsWith(process.cwd()) ? file.slice(process.cwd().length + 1) : file;
}
