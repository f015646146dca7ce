import { type BatchBody, CORRELATION_HEADER, type HttpApp, registerBatchRoutes } from '@millrace/http';
import { type BatchItem, isTerminal, type SubmitInput } from '@millrace/kit';
import { Type } from 'typebox';
import type { Commands } from '../commands.ts';
import { invalid } from '../errors.ts';
import { accepted, answered, goneSignal } from './answers.ts';
import { preferencesOf } from './preferences.ts';
import { traceOf, withCorrelation, withIdempotencyKey } from './request-identity.ts';
import {
  answers,
  type CommandRoutesOptions,
  documentsOnly,
  longestWaitMs,
  refusalFields,
  TAGS,
} from './route-options.ts';
import { AcceptedSchema, BatchAnswer, OutcomeSchema, ProcessBody, RefusedSchema, SubmitBody } from './schemas.ts';

/** So long nobody looks whether the client is still there: most commands are faster, and looking costs each of them. */
const UNWATCHED_WAIT_MS = 1_000;

const config = { errorFields: refusalFields };

/** The ways in: `POST /command/process`, `POST /commands`, `POST /commands/batch`. */
export function submitRoutes(app: HttpApp, options: CommandRoutesOptions): void {
  const { commands } = options;
  processRoute(app, options);
  submitRoute(app, commands);
  registerBatchRoutes(app, (batch) => {
    const schema = {
      tags: TAGS,
      summary: 'Submit up to 10,000 commands',
      description: 'An array, or NDJSON with a command per line. A bad item or line fails alone.',
      body: Type.Array(SubmitBody),
      response: answers({ 200: BatchAnswer }),
    };
    batch.post('/commands/batch', { schema }, async (request) => ({
      items: await submitBatch(commands, request.body as unknown as BatchBody),
    }));
  });
}

function processRoute(app: HttpApp, options: CommandRoutesOptions): void {
  const { commands, clock } = options;
  const waitMsMax = longestWaitMs(options);
  const schema = {
    tags: TAGS,
    summary: 'Submit a command and wait for its end',
    description:
      'Waits at most 30 s, or `Prefer: wait=N`; answers 200 however the command ended. With `Prefer: respond-async`, ' +
      'past the wait, or when delayed beyond it: 202. The client going away does not cancel the command.',
    body: ProcessBody,
    response: answers({ 200: OutcomeSchema, 202: AcceptedSchema, 400: RefusedSchema, 409: RefusedSchema }),
  };
  app.post('/command/process', { schema, config, validatorCompiler: documentsOnly }, async (request, reply) => {
    const { headers } = request.raw;
    const body = withCorrelation(request.body, headers[CORRELATION_HEADER], request.id) as SubmitInput;
    if ((Object(body) as { taskId?: unknown }).taskId === undefined) throw invalid('/taskId', 'taskId is missing.');
    const { waitMs, applied } = preferencesOf(headers.prefer, waitMsMax);
    const trace = traceOf(headers.traceparent);
    const processed = await commands.process(body, { waitMs: Math.min(waitMs, UNWATCHED_WAIT_MS), trace });
    if (applied !== undefined) reply.header('preference-applied', applied);
    const { receipt, outcome } = processed;
    const restMs = waitMs - UNWATCHED_WAIT_MS;
    if (outcome !== undefined || receipt.runAt.getTime() > clock.now() + restMs) return answered(reply, processed);
    const waiting = { waitMs: restMs, signal: goneSignal(reply) };
    // It is durable already: when the wait cannot go on, the answer is 202.
    const late = await commands.waitForOutcome(receipt.taskId, waiting).catch(() => undefined);
    return answered(reply, { receipt, outcome: late });
  });
}

function submitRoute(app: HttpApp, commands: Commands): void {
  const schema = {
    tags: TAGS,
    summary: 'Submit a command',
    description:
      'Answers 202 once it is durable. The same command again: 202 with its state, or 200 with its outcome, and ' +
      '`Idempotent-Replay: true`. `Idempotency-Key` stands in for a missing taskId.',
    body: SubmitBody,
    response: answers({ 200: OutcomeSchema, 202: AcceptedSchema, 400: RefusedSchema, 409: RefusedSchema }),
  };
  app.post('/commands', { schema, config, validatorCompiler: documentsOnly }, async (request, reply) => {
    const { headers } = request.raw;
    const correlated = withCorrelation(request.body, headers[CORRELATION_HEADER], request.id);
    const body = withIdempotencyKey(correlated, headers['idempotency-key']) as SubmitInput;
    const receipt = await commands.submit(body, { trace: traceOf(headers.traceparent) });
    if (!receipt.replay || !isTerminal(receipt.status)) return accepted(reply, receipt);
    return answered(reply, { receipt, outcome: await commands.waitForOutcome(receipt.taskId, { waitMs: 0 }) });
  });
}

/** One answer per item of the batch, those that could not even be read included. */
async function submitBatch(commands: Commands, batch: BatchBody): Promise<readonly BatchItem[]> {
  const read = batch.filter((item) => 'value' in item);
  const results = await commands.submitMany(read.map(({ value }) => value));
  let next = 0;
  return batch.map((item) => {
    const answer = 'value' in item ? (results[next++] as BatchItem) : { error: item.error.toBody() };
    return 'error' in answer && item.line !== undefined ? { ...answer, line: item.line } : answer;
  });
}
