/**
 * Runs the benchmark: `node run.ts [--scenario a,b] [--variant x,y] [--rounds 5] [--seconds N] [--tiny | --quick]
 * [--json FILE] [--profile]`, or shows an earlier one: `node run.ts --report FILE`.
 * Reports are written after every round, so that a run that is cut short keeps what it has found. Ends with 1 when a
 * check did not hold or a variant failed; a variant whose server is not installed is skipped.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario, Size, Variant, VariantReport } from './harness/contract.ts';
import { renderReport } from './harness/report.ts';
import { type RunRecord, summarize } from './harness/results.ts';
import { loadScenarios } from './harness/scenarios.ts';
import { judgeTargets } from './harness/targets.ts';

const CHILD = fileURLToPath(new URL('./harness/child.ts', import.meta.url));
const REPORTS = fileURLToPath(new URL('./reports/', import.meta.url));

const { values: flags } = parseArgs({
  options: {
    scenario: { type: 'string' },
    variant: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string' },
    tiny: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    report: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});

const size: Size = flags.tiny ? 'tiny' : flags.quick ? 'quick' : 'full';

const list = (text: string | undefined) => text?.split(',').map((name) => name.trim());

async function runVariant(scenario: Scenario, variant: Variant): Promise<VariantReport> {
  const args = [CHILD, scenario.name, variant.name, size];
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
async function runScenario(scenario: Scenario, data: RawData): Promise<void> {
  const wanted = list(flags.variant);
  const variants = scenario.variants.filter(({ name, leftOutOf }) =>
    wanted === undefined ? leftOutOf?.includes(size) !== true : wanted.includes(name),
  );
  const rounds = scenario.once === true ? 1 : data.rounds;
  for (let round = 1; round <= rounds; round++) {
    for (const variant of round % 2 === 1 ? variants : variants.toReversed()) {
      const began = performance.now();
      const at = new Date().toISOString();
      const report = await runVariant(scenario, variant);
      const seconds = (performance.now() - began) / 1000;
      const record = { scenario: scenario.name, variant: variant.name, round, at, seconds, report };
      data.records.push(record);
      console.log(`${scenario.name} · ${variant.name} · round ${round} of ${rounds}: ${headline(record, scenario)}`);
    }
    await writeReports(data);
  }
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

/** What a run leaves behind: everything that its report is made of. */
interface RawData {
  readonly began: string;
  readonly machine: ReturnType<typeof machine>;
  readonly size: Size;
  readonly rounds: number;
  readonly records: RunRecord[];
}

const SIZES: Readonly<Record<Size, string>> = {
  tiny: 'tiny: these numbers mean nothing',
  quick: 'quick: short loads',
  full: 'full',
};

/** The report and the number of problems, from raw data and nothing else. */
async function renderRawData(data: RawData): Promise<{ report: string; problems: number }> {
  const measured = [...new Set(data.records.map(({ scenario }) => scenario))];
  const scenarios = await loadScenarios(measured);
  const summaries = scenarios.map((scenario) => summarize(scenario, data.records));
  const { machine: host, records } = data;
  const report = renderReport({
    header: [
      `${data.began}, ${SIZES[data.size]}, up to ${data.rounds} rounds, medians (range)`,
      `${host.cores} cores (${host.cpu}), ${host.memoryGb} GB, Linux ${host.kernel}, Node ${host.node}`,
      'every variant in a fresh process with fresh servers and empty directories, order alternating by round',
    ],
    summaries,
    targets: judgeTargets(scenarios, records, data.size !== 'tiny'),
  });
  const problems = summaries.flatMap(({ variants }) => variants.flatMap((variant) => variant.problems));
  return { report, problems: problems.length };
}

async function writeReports(data: RawData) {
  mkdirSync(REPORTS, { recursive: true });
  const stamp = data.began.replaceAll(/[:.]/g, '-');
  const json = flags.json ?? join(REPORTS, `${stamp}.json`);
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(data, null, 1)}\n`);
  const rendered = await renderRawData(data);
  writeFileSync(join(REPORTS, `${stamp}.md`), rendered.report);
  return { ...rendered, json };
}

async function runBenchmark(): Promise<void> {
  const startedAt = performance.now();
  const rounds = flags.tiny ? 1 : Number(flags.rounds);
  const data: RawData = { began: new Date().toISOString(), machine: machine(), size, rounds, records: [] };
  for (const scenario of await loadScenarios(list(flags.scenario))) await runScenario(scenario, data);
  const written = await writeReports(data);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${written.report}\nRaw data: ${written.json}\nTook ${seconds} s.`);
  if (written.problems > 0) {
    console.error(`\nInvalid: ${written.problems} problem(s), see above.`);
    process.exitCode = 1;
  }
}

if (flags.report === undefined) await runBenchmark();
else console.log((await renderRawData(JSON.parse(readFileSync(flags.report, 'utf8')) as RawData)).report);
