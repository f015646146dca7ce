import type { BatchItem, SubmitInput } from '@millrace/kit';
import { clientError, clientErrorBody } from './errors.ts';
import type { Transport } from './transport.ts';

/** Items that one batch may have. */
export const BATCH_ITEMS_MAX = 10_000;
/** Bytes that one batch may have: just under the server's default of 16 MiB (`BATCH_BODY_LIMIT`). */
export const BATCH_BYTES_MAX = 16 * 1024 * 1024 - 1024;
const NDJSON = 'application/x-ndjson';

export interface BatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** At most so many items a request. Default and cap: `BATCH_ITEMS_MAX`. */
  readonly itemsMax?: number | undefined;
  /** At most so many bytes a request. Default: `BATCH_BYTES_MAX`. */
  readonly bytesMax?: number | undefined;
}

export interface BatchDeps {
  readonly transport: Transport;
  readonly newTaskId: () => string;
}

/** An item that is ready to go: its text, and its place in the answer. */
interface Line {
  readonly index: number;
  readonly text: string;
}

interface Chunk {
  readonly lines: readonly Line[];
  readonly answers: (BatchItem | undefined)[];
}

/**
 * Sends any number of commands in batches, one request at a time, and yields the answers of each in order. Every item
 * gets its taskId before it is first sent, so that a repeated request is a replay; items that the server sheds
 * (`retryable`) are sent again, as often as the client's policy says.
 *
 * @throws MillraceApiError when a whole request fails; what was yielded before is durable
 */
export async function* submitInBatches(
  deps: BatchDeps,
  inputs: Iterable<SubmitInput> | AsyncIterable<SubmitInput>,
  options: BatchOptions = {},
): AsyncGenerator<readonly BatchItem[], void, void> {
  for await (const chunk of chunksOf(deps, inputs, options)) {
    yield await sendChunk(deps.transport, chunk, options.signal);
  }
}

async function* chunksOf(
  deps: BatchDeps,
  inputs: Iterable<SubmitInput> | AsyncIterable<SubmitInput>,
  options: BatchOptions,
): AsyncGenerator<Chunk, void, void> {
  const itemsMax = Math.min(options.itemsMax ?? BATCH_ITEMS_MAX, BATCH_ITEMS_MAX);
  const bytesMax = options.bytesMax ?? BATCH_BYTES_MAX;
  let lines: Line[] = [];
  let answers: (BatchItem | undefined)[] = [];
  let bytes = 0;
  for await (const input of inputs) {
    const taskId = input.taskId ?? deps.newTaskId();
    const text = `${JSON.stringify({ ...input, taskId })}\n`;
    const size = Buffer.byteLength(text);
    if (answers.length >= itemsMax || (bytes + size > bytesMax && size <= bytesMax && lines.length > 0)) {
      yield { lines, answers };
      [lines, answers, bytes] = [[], [], 0];
    }
    if (size > bytesMax) {
      answers.push({ taskId, error: clientErrorBody('CLIENT_ITEM_TOO_LARGE', { bytes: size, limit: bytesMax }) });
      continue;
    }
    lines.push({ index: answers.length, text });
    answers.push(undefined);
    bytes += size;
  }
  if (answers.length > 0) yield { lines, answers };
}

async function sendChunk(
  transport: Transport,
  chunk: Chunk,
  signal: AbortSignal | undefined,
): Promise<readonly BatchItem[]> {
  const answers = [...chunk.answers];
  let waiting = chunk.lines;
  for (let attempt = 1; waiting.length > 0; attempt++) {
    const items = await postLines(transport, waiting, signal);
    waiting.forEach((line, position) => {
      answers[line.index] = items[position];
    });
    const shed = waiting.filter((line) => isShed(answers[line.index]));
    if (shed.length === 0 || attempt >= transport.options.retries.maxAttempts) break;
    await transport.pause(clientError('CLIENT_UNREACHABLE', { reason: 'items were shed' }), attempt, signal);
    waiting = shed;
  }
  return answers.filter((answer) => answer !== undefined);
}

function isShed(answer: BatchItem | undefined): boolean {
  return answer !== undefined && 'error' in answer && answer.error.retryable;
}

async function postLines(
  transport: Transport,
  lines: readonly Line[],
  signal: AbortSignal | undefined,
): Promise<readonly BatchItem[]> {
  const answer = await transport.request({
    method: 'POST',
    path: '/commands/batch',
    body: lines.map((line) => line.text).join(''),
    contentType: NDJSON,
    repeat: 'always',
    signal,
  });
  const items = (answer.body as { items?: readonly BatchItem[] } | undefined)?.items;
  if (!Array.isArray(items) || items.length !== lines.length) {
    throw clientError('CLIENT_BAD_ANSWER', { url: '/commands/batch', httpStatus: answer.status });
  }
  return items;
}
