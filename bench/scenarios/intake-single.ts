/**
 * Question: how many commands a second does one server accept over HTTP, one command a request, each durable before
 * its 202?
 *
 * Workload: wrk, one thread, 128 kept connections, closed loop, `POST /commands` with a fixed body without `taskId`, so
 * that the server makes the ids. 3 s of warm-up, then 10 s.
 *
 * Variants: Millrace with the type paused (intake alone); Millrace executing (claim, handler, result in the same time);
 * bare Fastify with the same body and an answer of JSON that stores nothing: the ceiling of Node and Fastify here. Rivals
 * have no HTTP intake of their own; they are in `intake-batch` and `submit-to-result`.
 *
 * Durability: Millrace answers after the commit with fsync (SQLite, WAL, synchronous=FULL).
 *
 * Check: after the server has stopped its database file is opened and counted: every answer has its row, and ids are
 * distinct. wrk drops its connections at the end, so up to 128 commands may be stored whose answers nobody read.
 *
 * Knobs: `--seconds`, `--rounds`. Blind spots: the client shares the two cores with the server; the body is small
 * (about 60 bytes); one task type; closed loop, so latencies are those of a saturated server.
 */
import { check, type Measurement, type RunContext, type Scenario } from '../harness/contract.ts';
import { sampleMemory } from '../harness/memory.ts';
import { residentTargets } from '../harness/targets.ts';
import { runWrk, wrkMissing } from '../harness/wrk.ts';
import { startEcho } from '../rivals/echo.ts';
import { millraceMissing, startMillrace } from '../rivals/millrace.ts';

const CONNECTIONS = 128;
const BODY = JSON.stringify({ taskType: 'noop', payload: { n: 1 }, metadata: { priority: 'normal' } });

function timing({ size, seconds }: RunContext) {
  if (size === 'tiny') return { warmup: 1, seconds: 1 };
  return size === 'quick' ? { warmup: 1, seconds: seconds ?? 4 } : { warmup: 3, seconds: seconds ?? 10 };
}

async function load(url: string, pid: number, context: RunContext) {
  const { warmup, seconds } = timing(context);
  const options = { url: `${url}/commands`, body: BODY, connections: CONNECTIONS };
  const memory = sampleMemory([pid]);
  const warm = await runWrk({ ...options, seconds: warmup });
  const result = await runWrk({ ...options, seconds });
  return { ...result, acceptedInAll: warm.accepted + result.accepted, memory };
}

async function echo(context: RunContext): Promise<Measurement> {
  const server = await startEcho();
  try {
    const result = await load(server.url, server.pid, context);
    return {
      metrics: { perSecond: result.perSecond, rssMaxMb: result.memory.stop().rssMaxMb },
      latencyMs: result.latencyMs,
      checks: [check('no request was refused', result.refused + result.broken === 0, `${result.refused} refused`)],
      versions: server.versions,
      notes: ['stores nothing'],
    };
  } finally {
    await server.stop();
  }
}

async function millrace(context: RunContext, paused: boolean): Promise<Measurement> {
  const server = await startMillrace();
  try {
    if (paused) await server.pause();
    const result = await load(server.url, server.pid, context);
    const drainBegan = performance.now();
    if (!paused) await server.drained();
    const drainSeconds = (performance.now() - drainBegan) / 1000;
    const { rssMaxMb } = result.memory.stop();
    const stored = await server.stopAndCount();
    const surplus = stored.rows - result.acceptedInAll;
    return {
      metrics: { perSecond: result.perSecond, rssMaxMb, ...(paused ? {} : { drainSeconds }) },
      latencyMs: result.latencyMs,
      checks: [
        check('no request was refused', result.refused + result.broken === 0, `${result.refused} refused`),
        check(
          'accepted equals stored',
          surplus >= 0 && surplus <= 2 * CONNECTIONS,
          `${result.acceptedInAll} accepted, ${stored.rows} stored (in flight at the ends: up to ${2 * CONNECTIONS})`,
        ),
        check('ids are distinct', stored.distinctIds === stored.rows, `${stored.distinctIds} of ${stored.rows}`),
        ...(paused
          ? []
          : [
              check(
                'each ended once',
                stored.succeeded === stored.rows && stored.startedTwice === 0,
                `${stored.succeeded} succeeded, ${stored.startedTwice} started more than once`,
              ),
            ]),
      ],
      versions: server.versions,
      notes: server.notes,
    };
  } finally {
    await server.stop();
  }
}

const skip = () => wrkMissing() ?? millraceMissing();

export const scenario: Scenario = {
  name: 'intake-single',
  metric: 'perSecond',
  baseline: 'fastify-echo',
  variants: [
    { name: 'fastify-echo', skip: wrkMissing, run: echo },
    { name: 'millrace-paused', skip, run: (context) => millrace(context, true) },
    { name: 'millrace-executing', skip, run: (context) => millrace(context, false) },
  ],
  targets: [
    {
      text: 'single intake, type paused, ≥ 0.30 of the bare echo',
      variant: 'millrace-paused',
      metric: 'perSecond',
      relativeTo: 'fastify-echo',
      atLeast: 0.3,
    },
    {
      text: 'single intake while executing ≥ 0.20 of the bare echo',
      variant: 'millrace-executing',
      metric: 'perSecond',
      relativeTo: 'fastify-echo',
      atLeast: 0.2,
    },
    ...residentTargets(['millrace-paused', 'millrace-executing']),
  ],
};
