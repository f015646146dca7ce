import { setTimeout as delay } from 'node:timers/promises';
import { Logger, makeWorkerUtils, type Runner, run, runMigrations } from 'graphile-worker';
import pg from 'pg';
import type { JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { startPostgres } from './postgres.ts';
import { packageVersion } from './versions.ts';

const POOL_SIZE = 12;
const POLL_MS = 5;
const silent = new Logger(() => () => undefined);

/**
 * The settings of graphile-worker's own performance test. Completed rows are deleted: there is no result to read, so
 * the end of a command is its row's absence.
 */
const LOCAL_QUEUE = {
  concurrentJobs: 24,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const PLAIN = { concurrentJobs: 24 };

export function graphileWorker(mode: 'local queue 500' | 'plain'): OpenJobSystem {
  return async (observer) => {
    const postgres = await startPostgres();
    const pool = new pg.Pool({ connectionString: postgres.connectionString, max: POOL_SIZE });
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    await runMigrations({ pgPool: pool, logger: silent });
    const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
    let runner: Runner | undefined;
    let started = 0;
    return {
      versions: { 'graphile-worker': packageVersion('graphile-worker'), postgres: postgres.version },
      notes: [`${mode}; synchronous_commit on; rows deleted, no result kept; no job key; concurrency 24`],
      memoryRoots: [process.pid],
      submit: async (items) => {
        await utils.addJobs(items.map(({ id, n }) => ({ identifier: 'noop', payload: { id, n } })));
      },
      startWorkers: async () => {
        runner = await run({
          pgPool: pool,
          logger: silent,
          noHandleSignals: true,
          taskList: {
            noop: async (payload) => {
              started++;
              observer.started((payload as { n: number }).n);
            },
          },
          preset: { worker: { ...(mode === 'plain' ? PLAIN : LOCAL_QUEUE), pollInterval: 100 } },
        });
      },
      untilEnded: async (count) => {
        while (started < count) await delay(POLL_MS);
        while ((await countRows(pool)) > 0) await delay(POLL_MS);
      },
      countResults: async () => undefined,
      stop: async () => {
        await runner?.stop().catch(() => undefined);
        await utils.release();
        await pool.end();
        await postgres.stop();
      },
    } satisfies JobSystem;
  };
}

async function countRows(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>('select count(*) from graphile_worker._private_jobs');
  return Number(rows[0]?.count);
}
