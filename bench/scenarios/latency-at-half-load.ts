/**
 * Question: at half of what the system can sustain, how long does a command wait between being sent and its handler's
 * first line?
 *
 * Workload: first the maximum is found (closed loop, 4 s, one command a request, workers running, until the last has
 * ended), then commands are sent one by one at half that rate, open loop, for 20 s, after 2 s of warm-up at that rate.
 * The wait is measured from the instant of sending to the handler's own clock, on one machine; it contains the way
 * through HTTP (where there is one), the commit with fsync and the claim. `ackMsP99` is the time to the acknowledgement.
 *
 * Variants: Millrace over HTTP (wrk with 128 connections finds the maximum, 32 pipelined sockets carry the open loop);
 * Millrace, BullMQ (everysec and always) and graphile-worker (plain and local queue) in the sender's own process, each at
 * half of its own maximum. Tuning and durability as in `submit-to-result`.
 *
 * Check: everything sent was acknowledged and started exactly once.
 *
 * Knobs: `--seconds`. Blind spots: the generator shares the cores; it sends in ticks of 1 ms, and `sendLagMsP99` says how
 * late it was; arrivals are even, not Poisson; half the maximum of two systems is not the same load: see `sentPerSecond`.
 */
import { check, type Measurement, type RunContext, type Scenario, type Variant } from '../harness/contract.ts';
import { makeItem } from '../harness/ids.ts';
import type { JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { sampleMemory } from '../harness/memory.ts';
import { pipelinedPoster, runOpenLoop } from '../harness/open-loop.ts';
import { percentiles } from '../harness/statistics.ts';
import { residentTargets } from '../harness/targets.ts';
import { runWrk, wrkMissing } from '../harness/wrk.ts';
import { bullmq } from '../rivals/bullmq.ts';
import { graphileWorker } from '../rivals/graphile-worker.ts';
import { millraceEmbedded, millraceMissing, startMillrace } from '../rivals/millrace.ts';
import { postgresMissing } from '../rivals/postgres.ts';
import { redisMissing } from '../rivals/redis.ts';

const CONNECTIONS = 128;
const OPEN_LOOP_SOCKETS = 32;
const CLOSED_LOOP_IN_FLIGHT = 256;
/** Room for the instants of this many commands; no system here takes more single ones in a run. */
const ITEMS_MAX = 600_000;

function timing({ size, seconds }: RunContext) {
  if (size === 'tiny') return { max: 1, warmup: 0.25, open: 1 };
  return size === 'quick' ? { max: 2, warmup: 0.5, open: seconds ?? 3 } : { max: 4, warmup: 2, open: seconds ?? 20 };
}

async function millraceHttp(context: RunContext): Promise<Measurement> {
  const { max, warmup, open } = timing(context);
  const server = await startMillrace();
  const memory = sampleMemory([server.pid]);
  try {
    const url = `${server.url}/commands`;
    const body = JSON.stringify({ taskType: 'noop', payload: { n: 1 } });
    const began = performance.now();
    const saturated = await runWrk({ url, body, connections: CONNECTIONS, seconds: max });
    await server.drained();
    const maxPerSecond = saturated.accepted / ((performance.now() - began) / 1000);

    const poster = await pipelinedPoster(server.url, '/commands', OPEN_LOOP_SOCKETS);
    const half = { perSecond: maxPerSecond / 2, unanswered: () => poster.counts.sent - poster.counts.answered };
    const send = (n: number) => {
      const sentAt = performance.timeOrigin + performance.now();
      poster.post(JSON.stringify({ taskType: 'noop', payload: { n, sentAt } }));
    };
    await runOpenLoop({ ...half, seconds: warmup, send });
    await poster.answered();
    await server.drained();
    await server.startWaits();
    const before = poster.counts.accepted;
    const { sent, sendLagMsP99 } = await runOpenLoop({ ...half, seconds: open, send });
    await poster.answered();
    await server.drained();
    const waits = await server.startWaits();
    const accepted = poster.counts.accepted - before;
    poster.close();
    return {
      metrics: {
        startMsP50: waits.latencyMs.p50,
        startMsP99: waits.latencyMs.p99,
        maxPerSecond,
        sentPerSecond: sent / open,
        sendLagMsP99,
        rssMaxMb: memory.stop().rssMaxMb,
      },
      latencyMs: waits.latencyMs,
      checks: [
        check('all were acknowledged', accepted === sent, `${accepted} of ${sent}`),
        check('each started once', waits.count === sent, `${waits.count} starts of ${sent}`),
      ],
      versions: server.versions,
      notes: server.notes,
    };
  } finally {
    await server.stop();
  }
}

/** Many senders that each wait for their acknowledgement; the rate counts until the last command has ended. */
async function findMaximum(system: JobSystem, seconds: number) {
  let next = 0;
  const began = performance.now();
  const lane = async () => {
    while (performance.now() - began < seconds * 1000) await system.submit([makeItem(next++, 'ascending')]);
  };
  await Promise.all(Array.from({ length: CLOSED_LOOP_IN_FLIGHT }, lane));
  await system.untilEnded(next);
  return { count: next, perSecond: next / ((performance.now() - began) / 1000) };
}

function inProcess(open: OpenJobSystem): Variant['run'] {
  return async (context) => {
    const time = timing(context);
    const sentAt = new Float64Array(ITEMS_MAX);
    const startedAt = new Float64Array(ITEMS_MAX);
    let startedAgain = 0;
    const system = await open({
      started: (n) => {
        if (startedAt[n] !== 0) startedAgain++;
        startedAt[n] = performance.now();
      },
    });
    try {
      const memory = sampleMemory(system.memoryRoots);
      await system.startWorkers();
      const maximum = await findMaximum(system, time.max);
      let next = maximum.count;
      const acks: number[] = [];
      let unanswered = 0;
      const send = () => {
        const n = next++;
        sentAt[n] = performance.now();
        unanswered++;
        const answered = system.submit([makeItem(n, 'ascending')]).then(() => {
          unanswered--;
          acks.push(performance.now() - sentAt[n]!);
        });
        answered.catch(() => undefined);
      };
      const half = { perSecond: maximum.perSecond / 2, unanswered: () => unanswered, send };
      await runOpenLoop({ ...half, seconds: time.warmup });
      await system.untilEnded(next);
      const first = next;
      acks.length = 0;
      const { sent, sendLagMsP99 } = await runOpenLoop({ ...half, seconds: time.open });
      await system.untilEnded(next);
      const waits = sentAt.subarray(first, next).map((at, index) => startedAt[first + index]! - at);
      const latencyMs = percentiles(waits);
      const unstarted = startedAt.subarray(0, next).filter((at) => at === 0).length;
      return {
        metrics: {
          startMsP50: latencyMs.p50,
          startMsP99: latencyMs.p99,
          maxPerSecond: maximum.perSecond,
          sentPerSecond: sent / time.open,
          ackMsP99: percentiles(acks).p99,
          sendLagMsP99,
          rssMaxMb: memory.stop().rssMaxMb,
        },
        latencyMs,
        checks: [
          check('all were acknowledged', acks.length === sent, `${acks.length} of ${sent}`),
          check('each started once', unstarted + startedAgain === 0, `${unstarted} never, ${startedAgain} again`),
        ],
        versions: system.versions,
        notes: system.notes,
      };
    } finally {
      await system.stop();
    }
  };
}

export const scenario: Scenario = {
  name: 'latency-at-half-load',
  metric: 'startMsP99',
  lessIsBetter: true,
  baseline: 'bullmq-everysec',
  variants: [
    { name: 'millrace-http', skip: () => wrkMissing() ?? millraceMissing(), run: millraceHttp },
    { name: 'millrace-embedded', skip: millraceMissing, run: inProcess(millraceEmbedded) },
    { name: 'bullmq-everysec', skip: redisMissing, run: inProcess(bullmq('everysec')) },
    { name: 'bullmq-always', skip: redisMissing, leftOutOf: ['tiny'], run: inProcess(bullmq('always')) },
    {
      name: 'graphile-plain',
      skip: postgresMissing,
      leftOutOf: ['tiny', 'quick'],
      run: inProcess(graphileWorker('plain')),
    },
    { name: 'graphile-local-queue', skip: postgresMissing, run: inProcess(graphileWorker('local queue 500')) },
  ],
  targets: [
    { text: 'time to start at half load p50 < 5 ms', variant: 'millrace-http', metric: 'startMsP50', atMost: 5 },
    { text: 'time to start at half load p99 < 50 ms', variant: 'millrace-http', metric: 'startMsP99', atMost: 50 },
    ...residentTargets(['millrace-http']),
  ],
};
