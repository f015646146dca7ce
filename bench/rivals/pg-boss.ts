import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Job, PgBoss } from 'pg-boss';
import type { BenchItem, JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { startPostgres } from './postgres.ts';
import { packageVersion } from './versions.ts';

const POLL_MS = 10;
/** One handler call takes this many; the next fetch follows at once when a batch came back full. */
const WORK = { batchSize: 1000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };

/** pg-boss with batches and a result per job, which it keeps in the `output` column. */
export const pgBoss: OpenJobSystem = async (observer) => {
  const postgres = await startPostgres();
  const pool = new pg.Pool({ connectionString: postgres.connectionString, max: 2 });
  pool.on('error', () => undefined);
  const boss = new PgBoss({ connectionString: postgres.connectionString, supervise: false, schedule: false });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue('noop');
  let started = 0;
  return {
    versions: { 'pg-boss': packageVersion('pg-boss'), postgres: postgres.version },
    notes: [`synchronous_commit on; results kept; batches of ${WORK.batchSize}, ${WORK.localConcurrency} at once`],
    memoryRoots: [process.pid],
    submit: async (items) => {
      await boss.insert(
        'noop',
        items.map(({ id, n }) => ({ id, data: { n } })),
      );
    },
    startWorkers: async () => {
      await boss.work('noop', { ...WORK, perJobResults: true as const }, async (jobs: Job<{ n: number }>[]) =>
        jobs.map(({ id, data: { n } }) => {
          started++;
          observer.started(n);
          return { id, status: 'completed' as const, output: { ok: true, n } };
        }),
      );
    },
    untilEnded: async (count) => {
      while (started < count) await delay(POLL_MS);
      while ((await countEnded(pool)) < count) await delay(POLL_MS);
    },
    countResults: (items) => countResults(pool, items),
    stop: async () => {
      await boss.stop({ graceful: false });
      await pool.end();
      await postgres.stop();
    },
  } satisfies JobSystem;
};

async function countEnded(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`select count(*) from pgboss.job where state = 'completed'`);
  return Number(rows[0]?.count);
}

async function countResults(pool: pg.Pool, items: readonly BenchItem[]): Promise<number> {
  const sql = 'select id, output from pgboss.job where id = any($1::uuid[])';
  const { rows } = await pool.query<{ id: string; output: { ok?: boolean; n?: number } | null }>(sql, [
    items.map(({ id }) => id),
  ]);
  const byId = new Map(rows.map(({ id, output }) => [id, output]));
  return items.filter(({ id, n }) => byId.get(id)?.ok === true && byId.get(id)?.n === n).length;
}
