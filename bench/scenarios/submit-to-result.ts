/**
 * Question: how many no-op commands a second go all the way, from submission to a result that can be read by id?
 *
 * Workload: batches of 500 commands, four batches waiting for their acknowledgement at once, workers running from the
 * start; the clock stops when the last result can be read. Ids are given by the caller: UUIDs that ascend (as UUIDv7) or
 * random ones (UUIDv4). `prefilled` variants store everything first and time the draining alone: the friendliest case
 * and the one that others publish.
 *
 * Variants, their tuning and durability:
 * - Millrace inside the process (`createMillrace({ http: false })`, `submitMany`), fsync on every commit, results kept.
 *   Its memory is that of the bench's process: the generator's heap is in it.
 * - `millrace-http…`: the same commands as NDJSON batches to a server process. Its memory is the server's alone, and it is
 *   this one that counts for the target.
 * - BullMQ 6, `addBulk` and one Worker in the same process, concurrency 200 (20 to 1,000 differ by less than the noise), job ids given, results kept,
 *   Redis with an AOF: `everysec` is its usual durability (up to a second lost), `always` the equal one.
 * - graphile-worker with the settings of its own performance test (local queue 500, batched completion, 24 jobs at
 *   once) and plain; synchronous_commit on. Rows are deleted: no result is kept, ids are not unique. Bursts of 50,000:
 *   without a vacuum in between larger ones are slower (prefilled, busy machine: 50,000 at 21,000/s, 100,000 at
 *   16,000/s, 150,000 at 10,000/s).
 * - pg-boss, `insert`, batches of 1,000 with a result per job, two at once; synchronous_commit on.
 * - Restate, one waiting HTTP request per command with an idempotency key, 128 at once; results kept; the service in a
 *   process of its own. It has no batches.
 *
 * Check: the handler counts starts per command: every command once; then every result is read back by its id and
 * compared (for Restate one in 20, since every answer was its result already; for Millrace's server all from its file and
 * one in 50 over HTTP).
 *
 * Knobs: `--rounds`. Totals differ by variant so that each takes 5 to 10 s. Blind spots: no-op handlers; submitter and
 * worker share one process in all but Restate and `millrace-http…`; a burst, not a steady state; no vacuum, no held snapshot; memory is that
 * of all processes together, the bench's own ids included, PostgreSQL's shared buffers counted once per backend.
 */
import { runBurst } from '../harness/burst.ts';
import type { Scenario, Variant } from '../harness/contract.ts';
import type { IdOrder, OpenJobSystem } from '../harness/job-system.ts';
import { residentTargets } from '../harness/targets.ts';
import { bullmq } from '../rivals/bullmq.ts';
import { graphileWorker } from '../rivals/graphile-worker.ts';
import { millraceEmbedded, millraceMissing, millraceServed } from '../rivals/millrace.ts';
import { pgBoss } from '../rivals/pg-boss.ts';
import { postgresMissing } from '../rivals/postgres.ts';
import { redisMissing } from '../rivals/redis.ts';
import { restate, restateMissing } from '../rivals/restate.ts';

interface Case {
  /** Commands of a full run; a quick one takes half. */
  readonly total: number;
  readonly order?: IdOrder;
  readonly prefill?: boolean;
}

function burst(open: OpenJobSystem, { total, order = 'ascending', prefill = false }: Case): Variant['run'] {
  return ({ size }) =>
    runBurst(open, {
      total: size === 'tiny' ? 2_000 : size === 'quick' ? total / 2 : total,
      warmup: size === 'tiny' ? 500 : size === 'quick' ? total / 20 : 5_000,
      batchSize: 500,
      batchesInFlight: 4,
      order,
      prefill,
    });
}

const local = graphileWorker('local queue 500');
const plain = graphileWorker('plain');

export const scenario: Scenario = {
  name: 'submit-to-result',
  metric: 'perSecond',
  baseline: 'bullmq-everysec',
  variants: [
    { name: 'millrace-ascending', skip: millraceMissing, run: burst(millraceEmbedded, { total: 200_000 }) },
    {
      name: 'millrace-random',
      skip: millraceMissing,
      run: burst(millraceEmbedded, { total: 200_000, order: 'random' }),
    },
    {
      name: 'millrace-prefilled',
      skip: millraceMissing,
      run: burst(millraceEmbedded, { total: 200_000, prefill: true }),
    },
    { name: 'millrace-http', skip: millraceMissing, run: burst(millraceServed, { total: 200_000 }) },
    {
      name: 'millrace-http-random',
      skip: millraceMissing,
      run: burst(millraceServed, { total: 200_000, order: 'random' }),
    },
    { name: 'bullmq-everysec', skip: redisMissing, run: burst(bullmq('everysec'), { total: 80_000 }) },
    { name: 'bullmq-always', skip: redisMissing, leftOutOf: ['tiny'], run: burst(bullmq('always'), { total: 80_000 }) },
    { name: 'graphile-local-queue', skip: postgresMissing, run: burst(local, { total: 50_000 }) },
    {
      name: 'graphile-prefilled',
      skip: postgresMissing,
      leftOutOf: ['tiny', 'quick'],
      run: burst(local, { total: 50_000, prefill: true }),
    },
    { name: 'graphile-plain', skip: postgresMissing, leftOutOf: ['tiny'], run: burst(plain, { total: 25_000 }) },
    { name: 'pg-boss', skip: postgresMissing, run: burst(pgBoss, { total: 60_000 }) },
    { name: 'restate', skip: restateMissing, run: burst(restate, { total: 10_000 }) },
  ],
  targets: [
    {
      text: 'submit to result, ascending ids, ≥ 40,000/s',
      variant: 'millrace-ascending',
      metric: 'perSecond',
      atLeast: 40_000,
    },
    {
      text: 'submit to result, random ids, ≥ 20,000/s',
      variant: 'millrace-random',
      metric: 'perSecond',
      atLeast: 20_000,
    },
    {
      text: 'submit to result ≥ 2.5 times BullMQ',
      variant: 'millrace-ascending',
      metric: 'perSecond',
      relativeTo: 'bullmq-everysec',
      atLeast: 2.5,
    },
    ...residentTargets(['millrace-http', 'millrace-http-random']),
  ],
};
