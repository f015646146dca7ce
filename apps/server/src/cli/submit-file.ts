import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { MillraceClient } from '@millrace/client';
import { type BatchItem, foregroundClock, type SubmitInput } from '@millrace/kit';
import { type CliContext, EXIT, type ExitCode, print, printJson } from './context.ts';
import { duration, usage } from './format.ts';

interface FileInput {
  readonly file: string;
  readonly taskType: string | undefined;
  readonly json: boolean;
}

/** A line that was not taken. */
interface Rejection {
  readonly line: number;
  readonly taskId?: string;
  readonly code: string;
  readonly message: string;
}

/** Rejections that are kept and shown; all are counted. */
const REJECTIONS_KEPT_MAX = 100;
const REJECTIONS_SHOWN_MAX = 10;

/** What has been done so far; the reading side adds lines, the sending side answers them. */
class Tally {
  accepted = 0;
  replayed = 0;
  rejected = 0;
  readonly rejections: Rejection[] = [];
  /** Lines that wait for their answer, in order. */
  readonly #lines: number[] = [];

  sent(line: number): void {
    this.#lines.push(line);
  }

  answered(items: readonly BatchItem[]): void {
    const lines = this.#lines.splice(0, items.length);
    items.forEach((item, index) => {
      if ('error' in item) this.reject({ ...item.error, ...idOf(item), line: lines[index] ?? 0 });
      else if (item.replay === true) this.replayed++;
      else this.accepted++;
    });
  }

  reject({ line, taskId, code, message }: Rejection): void {
    this.rejected++;
    if (this.rejections.length < REJECTIONS_KEPT_MAX) {
      this.rejections.push({ line, ...(taskId === undefined ? {} : { taskId }), code, message });
    }
  }
}

/** Submits every line of an NDJSON file, holding one batch at a time. Exits with 1 when a line was not taken. */
export async function submitFile(client: MillraceClient, input: FileInput, context: CliContext): Promise<ExitCode> {
  const { stream, bytes } = openInput(input.file, context);
  const tally = new Tally();
  const progress = await startProgress(bytes, context);
  const startedAt = foregroundClock.monotonic();
  try {
    for await (const items of client.submitBatches(readInputs(stream, input.taskType, { tally, progress }))) {
      tally.answered(items);
      progress.counted(tally);
    }
  } finally {
    progress.stop();
  }
  const ms = foregroundClock.monotonic() - startedAt;
  const { accepted, replayed, rejected, rejections } = tally;
  if (input.json) printJson(context, { accepted, replayed, rejected, durationMs: Math.round(ms), rejections });
  else print(context, summarize(tally, ms));
  return rejected === 0 ? EXIT.ok : EXIT.error;
}

function openInput(file: string, context: CliContext): { readonly stream: Readable; readonly bytes: number } {
  if (file === '-') return { stream: context.stdin, bytes: 0 };
  const path = resolve(context.cwd, file);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw usage(`--file: there is no file ${file}.`);
  return { stream: createReadStream(path), bytes: stats.size };
}

interface Reading {
  readonly tally: Tally;
  readonly progress: Progress;
}

async function* readInputs(stream: Readable, taskType: string | undefined, { tally, progress }: Reading) {
  let number = 0;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    progress.read(Buffer.byteLength(line) + 1);
    if (line.trim() === '') continue;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') {
      tally.reject({ line: number, code: 'VALIDATION_ERROR', message: parsed });
      continue;
    }
    tally.sent(number);
    yield { ...(taskType === undefined ? {} : { taskType }), ...parsed } as SubmitInput;
  }
}

/** The line's object, or what is wrong with it. */
function parseLine(line: string): object | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    return 'The line is not a JSON object.';
  } catch (error) {
    return `The line is not JSON: ${(error as Error).message}`;
  }
}

function idOf(item: BatchItem): { readonly taskId?: string } {
  return item.taskId === undefined ? {} : { taskId: item.taskId };
}

interface Progress {
  read(bytes: number): void;
  counted(tally: Tally): void;
  stop(): void;
}

/** A bar on standard error where a person looks at it, else nothing. */
async function startProgress(bytes: number, context: CliContext): Promise<Progress> {
  if (context.stderr.isTTY !== true || bytes === 0) return { read() {}, counted() {}, stop() {} };
  const { default: cliProgress } = await import('cli-progress');
  const format = '{bar} {percentage}% · {accepted} accepted, {rejected} rejected · {duration_formatted}';
  const bar = new cliProgress.SingleBar({ format, hideCursor: true, stream: context.stderr as NodeJS.WriteStream });
  bar.start(bytes, 0, { accepted: 0, rejected: 0 });
  return {
    read: (more) => bar.increment(more),
    counted: ({ accepted, replayed, rejected }) => bar.update({ accepted: accepted + replayed, rejected }),
    stop: () => bar.stop(),
  };
}

function summarize({ accepted, replayed, rejected, rejections }: Tally, ms: number): string {
  const rate = Math.round(((accepted + replayed) / Math.max(ms, 1)) * 1_000);
  const lines = [
    `${accepted} accepted, ${replayed} submitted before, ${rejected} rejected in ${duration(ms)} (${rate}/s)`,
  ];
  for (const rejection of rejections.slice(0, REJECTIONS_SHOWN_MAX)) {
    lines.push(`  line ${rejection.line}: ${rejection.code}: ${rejection.message}`);
  }
  if (rejected > REJECTIONS_SHOWN_MAX)
    lines.push(`  and ${rejected - REJECTIONS_SHOWN_MAX} more (--json lists up to ${REJECTIONS_KEPT_MAX})`);
  return lines.join('\n');
}
