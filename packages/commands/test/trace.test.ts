import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { defineCommand } from '@millrace/kit';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import fc from 'fast-check';
import { activeTrace, createTestCommands, parseTraceparent, runInTrace } from '../src/index.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`;

const activeTraceId = () => trace.getSpanContext(context.active())?.traceId;

test('a valid traceparent is read', () => {
  assert.deepEqual(parseTraceparent(TRACEPARENT), {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    traceFlags: 1,
    isRemote: true,
  });
});

test('flags that are not defined are dropped', () => {
  assert.equal(parseTraceparent(`00-${TRACE_ID}-${SPAN_ID}-fe`)?.traceFlags, 0);
});

test('a later version may carry more, version 00 may not', () => {
  assert.equal(parseTraceparent(`01-${TRACE_ID}-${SPAN_ID}-01-more`)?.traceId, TRACE_ID);
  assert.equal(parseTraceparent(`${TRACEPARENT}-more`), undefined);
});

const INVALID = {
  'an empty text': '',
  'upper case': TRACEPARENT.toUpperCase(),
  'version ff': `ff-${TRACE_ID}-${SPAN_ID}-01`,
  'a trace id of zeros': `00-${'0'.repeat(32)}-${SPAN_ID}-01`,
  'a span id of zeros': `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
  'a short trace id': `00-${TRACE_ID.slice(1)}-${SPAN_ID}-01`,
  'text after it': `${TRACEPARENT} `,
  'a new line after it': `${TRACEPARENT}\n`,
};

for (const [what, traceparent] of Object.entries(INVALID)) {
  test(`${what} is ignored`, () => {
    assert.equal(parseTraceparent(traceparent), undefined);
    assert.equal(
      runInTrace(traceparent, () => 'ran'),
      'ran',
    );
  });
}

test('no text makes the parser throw', () => {
  fc.assert(fc.property(fc.string(), (text) => parseTraceparent(text) === undefined || text.length >= 55));
});

test('without a context manager the handler runs all the same', () => {
  assert.equal(
    runInTrace(TRACEPARENT, () => activeTraceId()),
    undefined,
  );
});

test('with a context manager', async (t) => {
  before(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  after(() => context.disable());

  const definitions = [
    defineCommand({
      type: 'traced',
      handler: async () => {
        await delay(1);
        return activeTraceId() ?? null;
      },
    }),
    defineCommand({
      type: 'parent',
      handler: async (_command, commandContext) => {
        const child = await commandContext.submit({ taskType: 'traced' });
        return (await commandContext.waitFor([child]))[0]?.result;
      },
    }),
  ];

  await t.test('the handler is in the trace of the request, after an await too', async () => {
    await using env = await createTestCommands({ definitions });
    const { taskId } = await env.commands.submit({ taskType: 'traced' }, { trace: TRACEPARENT });
    await env.drain();
    assert.equal((await env.outcome(taskId))?.result, TRACE_ID);
  });

  await t.test('a command without a trace runs in none, even when one that has one makes way for it', async () => {
    const one = definitions.map((definition) => ({ ...definition, concurrency: 1 }));
    await using env = await createTestCommands({ definitions: one });
    await env.commands.pauseType('traced');
    await env.commands.submit({ taskType: 'traced' }, { trace: TRACEPARENT });
    const { taskId } = await env.submit({ taskType: 'traced' });
    await runInTrace(TRACEPARENT, () => env.commands.resumeType('traced'));
    await env.drain();
    assert.equal((await env.outcome(taskId))?.result, null);
  });

  await t.test('children inherit the trace', async () => {
    await using env = await createTestCommands({ definitions });
    const { taskId } = await env.commands.submit({ taskType: 'parent' }, { trace: TRACEPARENT });
    await env.drain();
    assert.equal((await env.outcome(taskId))?.result, TRACE_ID);
  });

  await t.test('the active span becomes the traceparent of what is submitted in it', async () => {
    await using env = await createTestCommands({ definitions });
    assert.equal(runInTrace(TRACEPARENT, activeTrace), TRACEPARENT);
    assert.equal(activeTrace(), undefined);
    const { taskId } = await runInTrace(TRACEPARENT, () => env.submit({ taskType: 'traced' }));
    await env.drain();
    assert.equal((await env.outcome(taskId))?.result, TRACE_ID);
  });
});
