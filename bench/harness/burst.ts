import { type Check, check, type Measurement } from './contract.ts';
import { eachLimited, inRanges, makeItems, type Range } from './ids.ts';
import type { IdOrder, JobSystem, OpenJobSystem } from './job-system.ts';
import { sampleMemory } from './memory.ts';

const VERIFY_BATCH = 1_000;

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
  const submitAll = (range: Range) =>
    eachLimited(inRanges(range, batchSize), batchesInFlight, ({ first, count }) =>
      system.submit(makeItems(first, count, order)),
    );
  const measured = { first: warmup, count: total };
  const memory = sampleMemory(system.memoryRoots);

  if (options.prefill === true) await submitAll(measured);
  else await system.startWorkers();
  const began = performance.now();
  let submitted = began;
  let base = 0;
  if (options.prefill === true) {
    await system.startWorkers();
  } else {
    await submitAll({ first: 0, count: warmup });
    await system.untilEnded(warmup);
    base = performance.now() - began;
    await submitAll(measured);
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
    checks: await verify(system, starts, measured, order),
    versions: system.versions,
    notes: system.notes,
  };
}

async function verify(system: JobSystem, starts: Uint8Array, range: Range, order: IdOrder): Promise<Check[]> {
  let right = 0;
  let kept = true;
  for (const { first, count } of inRanges(range, VERIFY_BATCH)) {
    const found = await system.countResults(makeItems(first, count, order));
    if (found === undefined) kept = false;
    right += found ?? 0;
  }
  const measured = starts.subarray(range.first, range.first + range.count);
  const never = measured.filter((times) => times === 0).length;
  const again = measured.filter((times) => times > 1).length;
  return [
    check('every command started once', never === 0 && again === 0, `${never} never, ${again} more than once`),
    kept
      ? check('every id has its own result', right === range.count, `${right} of ${range.count}`)
      : check('results', true, 'not kept by this system'),
  ];
}
