import { Queue, Worker } from 'bullmq';
import type { BenchItem, JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { type Fsync, startRedis } from './redis.ts';
import { packageVersion } from './versions.ts';

/** Of 20, 50, 100, 200, 500 and 1,000 none was better beyond the noise on two cores, in one process with the submitter. */
const CONCURRENCY = 200;

/** BullMQ as its users run it: own ids, results kept (its default), one worker. */
export function bullmq(fsync: Fsync): OpenJobSystem {
  return async (observer) => {
    const redis = await startRedis(fsync);
    const connection = { host: '127.0.0.1', port: redis.port };
    const queue = new Queue<{ n: number }>('noop', { connection });
    await queue.waitUntilReady();
    let worker: Worker<{ n: number }> | undefined;
    const ended = endCounter();
    return {
      versions: { bullmq: packageVersion('bullmq'), redis: redis.version },
      notes: [`AOF, appendfsync ${fsync}; results kept; concurrency ${CONCURRENCY}`],
      memoryRoots: [process.pid],
      submit: async (items) => {
        await queue.addBulk(items.map(({ id, n }) => ({ name: 'noop', data: { n }, opts: { jobId: id } })));
      },
      startWorkers: async () => {
        const handler = async (job: { data: { n: number } }) => {
          observer.started(job.data.n);
          return { ok: true, n: job.data.n };
        };
        worker = new Worker<{ n: number }>('noop', handler, { connection, concurrency: CONCURRENCY });
        // The event comes after the script that stores the result has answered.
        worker.on('completed', ended.increment);
        worker.on('failed', ended.increment);
        await worker.waitUntilReady();
      },
      untilEnded: ended.reached,
      countResults: (items) => countResults(queue, items),
      stop: async () => {
        await worker?.close(true);
        await queue.close();
        await redis.stop();
      },
    } satisfies JobSystem;
  };
}

async function countResults(queue: Queue, items: readonly BenchItem[]): Promise<number> {
  const jobs = await Promise.all(items.map(({ id }) => queue.getJob(id)));
  return jobs.filter((job, index) => job?.returnvalue?.ok === true && job.returnvalue.n === items[index]?.n).length;
}

/** Counts ends and lets one caller wait for a number of them. */
export function endCounter() {
  let count = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let wake: (() => void) | undefined;
  return {
    increment: () => {
      count++;
      if (count >= wanted) wake?.();
    },
    reached: (target: number): Promise<void> =>
      new Promise((resolve) => {
        wanted = target;
        wake = resolve;
        if (count >= target) resolve();
      }),
  };
}
