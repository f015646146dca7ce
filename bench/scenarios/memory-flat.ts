/**
 * Question: does a server's memory stay flat under a steady load, and does it rest when there is nothing to do?
 *
 * Workload: a fresh server idles for 30 s while its CPU time is read; then 2,000 no-op commands a second come in batches
 * of 100, are executed and their results kept, for 10 minutes (1.2 million rows); resident memory is sampled four times
 * a second.
 *
 * Variants: Millrace as a server process. Nothing is compared: it is held against its own limits.
 *
 * Check: all that was accepted is in the database file, ended once; growth is the median of the last quarter less that
 * of the second quarter (the first one warms caches), and the least-squares slope over the last three quarters.
 *
 * Knobs: `--seconds` (of load). Runs once whatever `--rounds` says. Blind spots: 10 minutes find no slow leak; small
 * payloads; memory that the operating system spends on the file cache is not counted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { check, type Measurement, type RunContext, type Scenario } from '../harness/contract.ts';
import { makeItems } from '../harness/ids.ts';
import { keepAliveClient } from '../harness/keep-alive-client.ts';
import { cpuSeconds, processTree, sampleMemory } from '../harness/memory.ts';
import { runOpenLoop } from '../harness/open-loop.ts';
import { median, percentiles, slope } from '../harness/statistics.ts';
import { residentTargets } from '../harness/targets.ts';
import { millraceMissing, startMillrace } from '../rivals/millrace.ts';

const COMMANDS_PER_SECOND = 2_000;
const BATCH_SIZE = 100;
const CONNECTIONS = 8;

function timing({ size, seconds }: RunContext) {
  if (size === 'tiny') return { settle: 1, idle: 2, load: 4 };
  return size === 'quick'
    ? { settle: 3, idle: 10, load: seconds ?? 60 }
    : { settle: 3, idle: 30, load: seconds ?? 600 };
}

async function idleCpuPercent(pid: number, seconds: number): Promise<number> {
  const pids = processTree(pid);
  const before = cpuSeconds(pids);
  await delay(seconds * 1000);
  return ((cpuSeconds(pids) - before) / seconds) * 100;
}

async function steadyLoad(url: string, seconds: number) {
  const client = keepAliveClient(url, CONNECTIONS);
  const counts = { accepted: 0, refused: 0, unanswered: 0 };
  const waits: number[] = [];
  const post = async (batch: number) => {
    const sentAt = performance.now();
    const items = makeItems(batch * BATCH_SIZE, BATCH_SIZE, 'random');
    const body = JSON.stringify(items.map(({ id, n }) => ({ taskId: id, taskType: 'noop', payload: { n } })));
    counts.unanswered++;
    const answer = await client.post('/commands/batch', body);
    counts.unanswered--;
    waits.push(performance.now() - sentAt);
    const accepted = answer.status === 200 ? answer.body.split('"status":"ACCEPTED"').length - 1 : 0;
    counts.accepted += accepted;
    counts.refused += BATCH_SIZE - accepted;
  };
  const { sent } = await runOpenLoop({
    perSecond: COMMANDS_PER_SECOND / BATCH_SIZE,
    seconds,
    send: (batch) => void post(batch),
    unanswered: () => counts.unanswered,
  });
  while (counts.unanswered > 0) await delay(1);
  client.close();
  return { ...counts, sent: sent * BATCH_SIZE, latencyMs: percentiles(waits) };
}

async function millrace(context: RunContext): Promise<Measurement> {
  const time = timing(context);
  const server = await startMillrace();
  try {
    await delay(time.settle * 1000);
    const idle = await idleCpuPercent(server.pid, time.idle);
    const memory = sampleMemory([server.pid]);
    const result = await steadyLoad(server.url, time.load);
    await server.drained();
    const { rssMaxMb, samples: all } = memory.stop();
    const samples = all.filter(([at]) => at < time.load);
    const stored = await server.stopAndCount();
    const quarter = (index: number) =>
      median(
        samples
          .filter(([at]) => at >= (time.load / 4) * index && at < (time.load / 4) * (index + 1))
          .map(([, mb]) => mb),
      );
    return {
      metrics: {
        rssMaxMb,
        rssGrowthMb: quarter(3) - quarter(1),
        rssMbPerMinute: slope(samples.filter(([at]) => at >= time.load / 4)) * 60,
        idleCpuPercent: idle,
        acceptedPerSecond: result.accepted / time.load,
      },
      latencyMs: result.latencyMs,
      checks: [
        check('nothing was refused', result.refused === 0, `${result.refused} refused of ${result.sent}`),
        check('accepted equals stored', stored.rows === result.accepted, `${result.accepted}, ${stored.rows} stored`),
        check('ids are distinct', stored.distinctIds === stored.rows, `${stored.distinctIds} of ${stored.rows}`),
        check(
          'each ended once',
          stored.succeeded === stored.rows && stored.startedTwice === 0,
          `${stored.succeeded} succeeded, ${stored.startedTwice} started more than once`,
        ),
      ],
      versions: server.versions,
      notes: [
        ...server.notes,
        `${time.load} s at ${COMMANDS_PER_SECOND}/s; latency is that of a batch of ${BATCH_SIZE}`,
      ],
    };
  } finally {
    await server.stop();
  }
}

export const scenario: Scenario = {
  name: 'memory-flat',
  metric: 'rssMaxMb',
  lessIsBetter: true,
  baseline: 'millrace',
  once: true,
  variants: [{ name: 'millrace', skip: millraceMissing, run: millrace }],
  targets: [
    ...residentTargets(['millrace']),
    { text: 'flat: < 10 MB of growth', variant: 'millrace', metric: 'rssGrowthMb', atMost: 10 },
    { text: 'idle CPU < 1 %', variant: 'millrace', metric: 'idleCpuPercent', atMost: 1 },
  ],
};
