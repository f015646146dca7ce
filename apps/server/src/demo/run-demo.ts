import type { MillraceClient } from '@millrace/client';
import { type Clock, type CommandView, sleep } from '@millrace/kit';
import { DEMO_TYPES } from './demo-commands.ts';
import { type Percentiles, percentilesOf, SUMMARY_FIELDS, SummaryBuilder, type TypeSummary } from './summary.ts';
import { assistantPayload, type DemoText } from './texts.ts';
import type { Workload } from './workload.ts';

/** How far a run is; `total` grows by the urgent commands that are sent on the way. */
export interface DemoProgress {
  readonly done: number;
  readonly total: number;
  /** Commands ended a second since the run began. */
  readonly ratePerSecond: number;
  /** Of the latest urgent command: from request to result, in ms. */
  readonly urgentMs: number;
}

export interface DemoPorts {
  readonly client: MillraceClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: DemoProgress) => void;
}

export interface DemoInput {
  readonly workload: Workload;
  readonly texts: readonly DemoText[];
}

/** What a run came to. */
export interface DemoReport {
  readonly submitted: number;
  /** Submitted and taken in by the server. */
  readonly accepted: number;
  /** Until all were accepted, and until the last one had ended, in ms from the beginning. */
  readonly acceptedInMs: number;
  readonly endedInMs: number;
  /** taskIds of commands that were accepted and have not ended, or are gone. */
  readonly missing: readonly string[];
  readonly all: TypeSummary;
  readonly types: readonly TypeSummary[];
  /** Commands sent one by one with priority urgent while the others waited: from request to result. */
  readonly urgent: { readonly count: number; readonly latencyMs: Percentiles };
  /** Prime numbers that all COUNT_PRIMES together found. */
  readonly primes: number;
  /** What `GET /commands/dead-letters` lists. */
  readonly deadLetters: number;
  /** One command whole, as `GET /commands/:taskId` shows it. */
  readonly example: CommandView;
}

export const SCHEDULE_ID = 'demo-tick';
const EVERY_SECOND = '* * * * * *';
/** Several batches, so that the first commands run while the last ones are still being sent. */
const BATCH_ITEMS = 5_000;
const PAGE_ITEMS = 1_000;
const POLL_INTERVAL_MS = 200;
/** When no command has ended for so long the run is given up; the check then says what is missing. */
const STALLED_AFTER_MS = 20_000;

/** Schedules, submits, waits until everything has ended, and reads it all back: everything over HTTP. */
export async function runDemo({ workload, texts }: DemoInput, ports: DemoPorts): Promise<DemoReport> {
  const { client, clock, signal } = ports;
  const elapsedMs = stopwatch(clock);
  const command = { taskType: DEMO_TYPES.tick };
  await client.schedules.create({ scheduleId: SCHEDULE_ID, cron: EVERY_SECOND, command }, { signal });

  const answers = await client.submitMany(workload.inputs(), { itemsMax: BATCH_ITEMS, signal });
  const accepted = new Set(answers.flatMap((answer) => ('error' in answer ? [] : [answer.taskId])));
  const acceptedInMs = elapsedMs();

  const urgentsMs = await waitForEnds({ accepted: accepted.size, texts, elapsedMs }, ports);
  const endedInMs = elapsedMs();

  await client.schedules.update(SCHEDULE_ID, { enabled: false }, { signal });
  await client.drain({ signal });
  const sizes = { submitted: answers.length, accepted: accepted.size };
  const urgent = { count: urgentsMs.length, latencyMs: percentilesOf(urgentsMs) };
  return { ...sizes, acceptedInMs, endedInMs, urgent, ...(await readBack(accepted, ports)) };
}

interface Waiting {
  readonly accepted: number;
  readonly texts: readonly DemoText[];
  readonly elapsedMs: () => number;
}

/**
 * Waits until as many have ended as were accepted, and sends an urgent command every now and then, as a user would
 * who sits in front of a screen. @returns how long each of those took, in ms
 */
async function waitForEnds({ accepted, texts, elapsedMs }: Waiting, ports: DemoPorts): Promise<readonly number[]> {
  const { clock, signal, onProgress } = ports;
  const urgentsMs: number[] = [];
  let progress = { done: 0, atMs: elapsedMs() };
  for (;;) {
    const urgentMs = await runUrgent(assistantPayload(urgentsMs.length, texts), ports);
    urgentsMs.push(urgentMs);
    const done = await countEnded(ports);
    const total = accepted + urgentsMs.length;
    onProgress({ done, total, urgentMs, ratePerSecond: (done / elapsedMs()) * 1_000 });
    if (done > progress.done) progress = { done, atMs: elapsedMs() };
    if (done >= total || elapsedMs() - progress.atMs > STALLED_AFTER_MS) return urgentsMs;
    await sleep(clock, POLL_INTERVAL_MS, signal);
  }
}

/** A single command through `POST /command/process`, which answers with the result. */
async function runUrgent(payload: object, { client, clock, signal }: DemoPorts): Promise<number> {
  const elapsedMs = stopwatch(clock);
  await client.process({ taskType: DEMO_TYPES.assistant, payload, metadata: { priority: 'urgent' } }, { signal });
  return elapsedMs();
}

async function countEnded({ client, signal }: DemoPorts): Promise<number> {
  const stats = await client.stats({ signal });
  return stats.reduce((sum, { taskType, count }) => sum + (taskType === DEMO_TYPES.tick ? 0 : count), 0);
}

type ReadBack = Pick<DemoReport, 'missing' | 'all' | 'types' | 'primes' | 'deadLetters' | 'example'>;

/** Every command there is, page by page. */
async function readBack(accepted: ReadonlySet<string>, { client, signal }: DemoPorts): Promise<ReadBack> {
  const missing = new Set(accepted);
  const summary = new SummaryBuilder();
  for await (const view of client.listAll({ limit: PAGE_ITEMS, fields: SUMMARY_FIELDS, signal })) {
    if (view.finishedAt !== null) missing.delete(view.taskId);
    summary.add(view);
  }
  const [first = ''] = accepted;
  return {
    missing: [...missing],
    all: summary.all,
    types: summary.types,
    primes: summary.primes,
    deadLetters: await countDeadLetters({ client, signal }),
    example: await client.get(first, { signal }),
  };
}

async function countDeadLetters({ client, signal }: Pick<DemoPorts, 'client' | 'signal'>): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await client.deadLetters({ limit: PAGE_ITEMS, fields: 'taskId', cursor, signal });
    count += page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return count;
}

function stopwatch(clock: Clock): () => number {
  const startedAt = clock.monotonic();
  return () => clock.monotonic() - startedAt;
}
