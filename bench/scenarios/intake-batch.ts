/**
 * Question: how many commands a second does one server accept when clients send them by the thousand?
 *
 * Workload: `POST /commands/batch`, JSON array or NDJSON, 1,000 or 5,000 items a request, each with an ascending id of
 * its own, four kept connections, closed loop; the bodies are made before the clock starts. 200,000 commands a run.
 *
 * Variants: Millrace (array and NDJSON, type paused; NDJSON while executing); bare Fastify that parses the array and
 * answers one item each, storing nothing: the ceiling; BullMQ `addBulk`, graphile-worker `addJobs` and pg-boss `insert`
 * in batches of 1,000, four at once, without HTTP (they have none) and with no worker running.
 *
 * Durability: Millrace answers after the commit with fsync; BullMQ on Redis with appendfsync everysec (usual) and
 * always (equal); PostgreSQL with synchronous_commit on. Redis `always` still answers from one write per event loop.
 *
 * Check: the rows in Millrace's database file equal the commands accepted, ids are distinct, no item was refused.
 *
 * Knobs: `--rounds`. Blind spots: the client shares the cores; rivals save the cost of HTTP; small payloads.
 */
import { check, type Measurement, type RunContext, type Scenario, type Variant } from '../harness/contract.ts';
import { eachLimited, inRanges, makeItems } from '../harness/ids.ts';
import type { BenchItem, OpenJobSystem } from '../harness/job-system.ts';
import { keepAliveClient } from '../harness/keep-alive-client.ts';
import { sampleMemory } from '../harness/memory.ts';
import { percentiles } from '../harness/statistics.ts';
import { residentTargets } from '../harness/targets.ts';
import { bullmq } from '../rivals/bullmq.ts';
import { startEcho } from '../rivals/echo.ts';
import { graphileWorker } from '../rivals/graphile-worker.ts';
import { millraceMissing, startMillrace } from '../rivals/millrace.ts';
import { pgBoss } from '../rivals/pg-boss.ts';
import { postgresMissing } from '../rivals/postgres.ts';
import { redisMissing } from '../rivals/redis.ts';

const CONNECTIONS = 4;
const TYPES = { array: 'application/json', ndjson: 'application/x-ndjson' };
type Format = keyof typeof TYPES;

function makeBody(items: readonly BenchItem[], format: Format): string {
  const commands = items.map(({ id, n }) => ({ taskId: id, taskType: 'noop', payload: { n } }));
  if (format === 'array') return JSON.stringify(commands);
  return commands.map((command) => `${JSON.stringify(command)}\n`).join('');
}

interface Batches {
  readonly format: Format;
  readonly batchSize: number;
}

function sizes({ size }: RunContext) {
  if (size === 'tiny') return { total: 5_000, warmup: 1_000 };
  return size === 'quick' ? { total: 100_000, warmup: 10_000 } : { total: 200_000, warmup: 20_000 };
}

/** Rivals take less a second: with as many commands as Millrace gets they would take most of a quick run's time. */
function rivalSizes(context: RunContext) {
  return context.size === 'quick' ? { total: 40_000, warmup: 5_000 } : sizes(context);
}

/** Sends all batches and gives the rate of accepted items with the latency of the requests. */
async function send(url: string, { format, batchSize }: Batches, context: RunContext) {
  const { total, warmup } = sizes(context);
  const client = keepAliveClient(url, CONNECTIONS);
  const bodies = inRanges({ first: 0, count: warmup + total }, batchSize).map(({ first, count }) =>
    makeBody(makeItems(first, count, 'ascending'), format),
  );
  const warmBodies = bodies.splice(0, Math.ceil(warmup / batchSize));
  let accepted = 0;
  let refused = 0;
  const waits: number[] = [];
  const post = async (body: string) => {
    const sentAt = performance.now();
    const answer = await client.post('/commands/batch', body, { 'content-type': TYPES[format] });
    waits.push(performance.now() - sentAt);
    if (answer.status !== 200) throw new Error(`The batch was answered ${answer.status}: ${answer.body.slice(0, 200)}`);
    // Counting by text: parsing the answers would cost the client, and thereby the server's core, more than it tells.
    accepted += answer.body.split('"status":"ACCEPTED"').length - 1;
    refused += answer.body.split('"error":').length - 1;
  };
  await eachLimited(warmBodies, CONNECTIONS, post);
  const before = accepted;
  waits.length = 0;
  const began = performance.now();
  await eachLimited(bodies, CONNECTIONS, post);
  const seconds = (performance.now() - began) / 1000;
  client.close();
  return { accepted, refused, perSecond: (accepted - before) / seconds, latencyMs: percentiles(waits) };
}

async function echo(context: RunContext): Promise<Measurement> {
  const server = await startEcho();
  const memory = sampleMemory([server.pid]);
  try {
    const result = await send(server.url, { format: 'array', batchSize: 1000 }, context);
    return {
      metrics: { perSecond: result.perSecond, rssMaxMb: memory.stop().rssMaxMb },
      latencyMs: result.latencyMs,
      checks: [check('no item was refused', result.refused === 0, `${result.refused} refused`)],
      versions: server.versions,
      notes: ['stores nothing'],
    };
  } finally {
    await server.stop();
  }
}

function millrace(batches: Batches, paused: boolean): Variant['run'] {
  return async (context) => {
    const server = await startMillrace();
    const memory = sampleMemory([server.pid]);
    try {
      if (paused) await server.pause();
      const result = await send(server.url, batches, context);
      if (!paused) await server.drained();
      const { rssMaxMb } = memory.stop();
      const stored = await server.stopAndCount();
      const { total, warmup } = sizes(context);
      return {
        metrics: { perSecond: result.perSecond, rssMaxMb },
        latencyMs: result.latencyMs,
        checks: [
          check('no item was refused', result.refused === 0, `${result.refused} refused`),
          check(
            'accepted equals stored',
            stored.rows === result.accepted && stored.rows === total + warmup,
            `${result.accepted} accepted, ${stored.rows} stored of ${total + warmup} sent`,
          ),
          check('ids are distinct', stored.distinctIds === stored.rows, `${stored.distinctIds} of ${stored.rows}`),
          check('each ended once', paused || stored.succeeded === stored.rows, `${stored.succeeded} succeeded`),
        ],
        versions: server.versions,
        notes: server.notes,
      };
    } finally {
      await server.stop();
    }
  };
}

function rival(open: OpenJobSystem): Variant['run'] {
  return async (context) => {
    const system = await open({ started: () => undefined });
    const memory = sampleMemory(system.memoryRoots);
    try {
      const { total, warmup } = rivalSizes(context);
      const batches = inRanges({ first: 0, count: warmup + total }, 1000).map(({ first, count }) =>
        makeItems(first, count, 'ascending'),
      );
      const warm = batches.splice(0, warmup / 1000);
      await eachLimited(warm, CONNECTIONS, (batch) => system.submit(batch));
      const waits: number[] = [];
      const began = performance.now();
      await eachLimited(batches, CONNECTIONS, async (batch) => {
        const sentAt = performance.now();
        await system.submit(batch);
        waits.push(performance.now() - sentAt);
      });
      const seconds = (performance.now() - began) / 1000;
      return {
        metrics: { perSecond: total / seconds, rssMaxMb: memory.stop().rssMaxMb },
        latencyMs: percentiles(waits),
        checks: [],
        versions: system.versions,
        notes: [...system.notes, 'no HTTP, no worker running'],
      };
    } finally {
      await system.stop();
    }
  };
}

export const scenario: Scenario = {
  name: 'intake-batch',
  metric: 'perSecond',
  baseline: 'bullmq-everysec',
  variants: [
    { name: 'fastify-echo', run: echo },
    {
      name: 'millrace-array-1000',
      skip: millraceMissing,
      run: millrace({ format: 'array', batchSize: 1000 }, true),
    },
    {
      name: 'millrace-ndjson-1000',
      skip: millraceMissing,
      run: millrace({ format: 'ndjson', batchSize: 1000 }, true),
    },
    {
      name: 'millrace-ndjson-5000',
      skip: millraceMissing,
      run: millrace({ format: 'ndjson', batchSize: 5000 }, true),
    },
    {
      name: 'millrace-ndjson-1000-executing',
      skip: millraceMissing,
      run: millrace({ format: 'ndjson', batchSize: 1000 }, false),
    },
    { name: 'bullmq-everysec', skip: redisMissing, run: rival(bullmq('everysec')) },
    { name: 'bullmq-always', skip: redisMissing, leftOutOf: ['tiny', 'quick'], run: rival(bullmq('always')) },
    { name: 'graphile-worker', skip: postgresMissing, run: rival(graphileWorker('plain')) },
    { name: 'pg-boss', skip: postgresMissing, run: rival(pgBoss) },
  ],
  targets: [
    {
      text: 'batch intake ≥ 60,000 commands/s',
      variant: 'millrace-ndjson-1000',
      metric: 'perSecond',
      atLeast: 60_000,
    },
    ...residentTargets([
      'millrace-array-1000',
      'millrace-ndjson-1000',
      'millrace-ndjson-5000',
      'millrace-ndjson-1000-executing',
    ]),
  ],
};
