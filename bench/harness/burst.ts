import { type Check, check, type Measurement } from './contract.ts';
import { eachLimited, inBatches, makeItems } from './ids.ts';
import type { BenchItem, IdOrder, JobSystem, OpenJobSystem } from './job-system.ts';
import { sampleMemory } from './memory.ts';

export interface BurstOptions {
  readonly total: number;
  readonly warmup: number;
  readonly batchSize: number;
  /** Batches that wait for their acknowledgement at once. */
  readonly batchesInFlight: number;
  readonly order: IdOrder;
  /** Store everything first and measure the draining of a full table alone. */
  readonly prefill?: boolean;
}

/** Submits a burst of no-op commands, waits until all results can be read, then verifies each one. */
export async function runBurst(open: OpenJobSystem, options: BurstOptions): Promise<Measurement> {
  const starts = new Uint8Array(options.warmup + options.total);
  const system = await open({ started: (n) => count(starts, n) });
  try {
    return await measure(system, starts, options);
  } finally {
    await system.stop();
  }
}

/** Saturates: what counts is whether it was once or more. */
function count(starts: Uint8Array, n: number): void {
  starts[n] = Math.min(2, (starts[n] ?? 0) + 1);
}

async function measure(system: JobSystem, starts: Uint8Array, options: BurstOptions): Promise<Measurement> {
  const { warmup, total, batchSize, batchesInFlight, order } = options;
  const submitAll = (items: readonly BenchItem[]) =>
    eachLimited(inBatches(items, batchSize), batchesInFlight, (batch) => system.submit(batch));
  const warmItems = makeItems(0, warmup, order);
  const items = makeItems(warmup, total, order);
  const memory = sampleMemory(system.memoryRoots);

  if (options.prefill === true) await submitAll(items);
  else await system.startWorkers();
  const began = performance.now();
  let submitted = began;
  let base = 0;
  if (options.prefill === true) {
    await system.startWorkers();
  } else {
    await submitAll(warmItems);
    await system.untilEnded(warmup);
    base = performance.now() - began;
    await submitAll(items);
    submitted = performance.now();
  }
  const expected = options.prefill === true ? total : warmup + total;
  await system.untilEnded(expected);
  const ended = performance.now();
  const { rssMaxMb } = memory.stop();

  const seconds = (ended - began - base) / 1000;
  const submitSeconds = (submitted - began - base) / 1000;
  return {
    metrics: {
      perSecond: total / seconds,
      seconds,
      ...(options.prefill === true ? {} : { submitPerSecond: total / submitSeconds }),
      rssMaxMb,
    },
    checks: await verify(system, items, starts.subarray(warmup)),
    versions: system.versions,
    notes: system.notes,
  };
}

async function verify(system: JobSystem, items: readonly BenchItem[], starts: Uint8Array): Promise<Check[]> {
  const right = await system.countResults(items);
  const never = starts.filter((times) => times === 0).length;
  const again = starts.filter((times) => times > 1).length;
  return [
    check('every command started once', never === 0 && again === 0, `${never} never, ${again} more than once`),
    right === undefined
      ? check('results', true, 'not kept by this system')
      : check('every id has its own result', right === items.length, `${right} of ${items.length}`),
  ];
}
