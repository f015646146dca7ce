/**
 * Runs the benchmark: `node run.ts [--scenario a,b] [--variant x,y] [--rounds 5] [--seconds N] [--tiny] [--json FILE]
 * [--profile]`.
 * Ends with 1 when a check did not hold or a variant failed; a variant whose server is not installed is skipped.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario, Variant, VariantReport } from './harness/contract.ts';
import { renderReport } from './harness/report.ts';
import { type RunRecord, type ScenarioSummary, summarize } from './harness/results.ts';
import { loadScenarios } from './harness/scenarios.ts';

const CHILD = fileURLToPath(new URL('./harness/child.ts', import.meta.url));
const REPORTS = fileURLToPath(new URL('./reports/', import.meta.url));

const { values: flags } = parseArgs({
  options: {
    scenario: { type: 'string' },
    variant: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string' },
    tiny: { type: 'boolean', default: false },
    json: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});

const list = (text: string | undefined) => text?.split(',').map((name) => name.trim());

async function runVariant(scenario: Scenario, variant: Variant): Promise<VariantReport> {
  const args = [CHILD, scenario.name, variant.name, flags.tiny ? 'tiny' : 'full'];
  if (flags.seconds !== undefined) args.push(flags.seconds);
  const env = { ...process.env };
  if (flags.profile) {
    const dir = join(REPORTS, 'profiles', `${scenario.name}-${variant.name}`);
    args.unshift('--cpu-prof', `--cpu-prof-dir=${dir}`);
    env.BENCH_PROFILE_DIR = dir;
  }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  const stop = () => {
    child.kill('SIGTERM');
    process.exit(1);
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGTERM', stop).off('SIGINT', stop);
  const line = output.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as VariantReport;
  } catch {
    return { kind: 'failed', reason: `The process ended with ${code} and no report: ${output.slice(-500)}` };
  }
}

function headline({ report }: RunRecord, scenario: Scenario): string {
  if (report.kind !== 'measured') return `${report.kind}: ${report.reason}`;
  const { metrics, checks } = report.measurement;
  const value = metrics[scenario.metric];
  const broken = checks.filter(({ held }) => !held).map(({ name, detail }) => `${name} (${detail})`);
  const verdict = broken.length === 0 ? 'checks hold' : `INVALID: ${broken.join(', ')}`;
  return `${scenario.metric} ${value === undefined ? '–' : value.toFixed(value < 100 ? 2 : 0)}; ${verdict}`;
}

/** Odd rounds go through the variants in order, even ones backwards: drift of the machine hits both ends alike. */
async function runScenario(scenario: Scenario): Promise<RunRecord[]> {
  const wanted = list(flags.variant);
  const variants = scenario.variants.filter(({ name }) => wanted === undefined || wanted.includes(name));
  const rounds = flags.tiny || scenario.once === true ? 1 : Number(flags.rounds);
  const records: RunRecord[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const variant of round % 2 === 1 ? variants : variants.toReversed()) {
      const began = performance.now();
      const at = new Date().toISOString();
      const report = await runVariant(scenario, variant);
      const seconds = (performance.now() - began) / 1000;
      const record = { scenario: scenario.name, variant: variant.name, round, at, seconds, report };
      records.push(record);
      console.log(`${scenario.name} · ${variant.name} · round ${round} of ${rounds}: ${headline(record, scenario)}`);
    }
  }
  return records;
}

function machine() {
  const [cpu] = cpus();
  return {
    node: process.version,
    kernel: release(),
    cpu: cpu?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
  };
}

function writeReports(records: readonly RunRecord[], summaries: readonly ScenarioSummary[], began: Date): string {
  const host = machine();
  const report = renderReport(
    {
      lines: [
        `${began.toISOString()}, ${flags.tiny ? 'tiny: these numbers mean nothing' : `up to ${flags.rounds} rounds, medians (range)`}`,
        `${host.cores} cores (${host.cpu}), ${host.memoryGb} GB, Linux ${host.kernel}, Node ${host.node}`,
        'every variant in a fresh process with fresh servers and empty directories, order alternating by round',
      ],
    },
    summaries,
  );
  mkdirSync(REPORTS, { recursive: true });
  const stamp = began.toISOString().replaceAll(/[:.]/g, '-');
  const json = flags.json ?? join(REPORTS, `${stamp}.json`);
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify({ began, machine: host, flags, records }, null, 1)}\n`);
  writeFileSync(join(REPORTS, `${stamp}.md`), report);
  return `${report}\nRaw data: ${json}`;
}

const began = new Date();
const scenarios = await loadScenarios(list(flags.scenario));
const records: RunRecord[] = [];
for (const scenario of scenarios) records.push(...(await runScenario(scenario)));
const summaries = scenarios.map((scenario) => summarize(scenario, records));
console.log(`\n${writeReports(records, summaries, began)}`);
const problems = summaries.flatMap(({ variants }) => variants.flatMap((variant) => variant.problems));
if (problems.length > 0) {
  console.error(`\nInvalid: ${problems.length} problem(s), see above.`);
  process.exitCode = 1;
}
