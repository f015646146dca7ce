import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand, type LogFields, type Logger, type LogLevel, Unrecoverable } from '@millrace/kit';
import { createTestCommands } from '../src/index.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

interface Line extends LogFields {
  readonly level: LogLevel;
  readonly message: string;
}

/** Notes lines at `least` and above. */
function createNotes(least: LogLevel): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = [];
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  const isEnabled = (level: LogLevel) => levels.indexOf(level) >= levels.indexOf(least);
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (isEnabled(level)) lines.push({ level, message, ...fields });
  };
  return { lines, logger: { isEnabled, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

const work = defineCommand({
  type: 'work',
  retries: { maxAttempts: 2 },
  handler({ payload }, { attempt }) {
    if (payload === 'never') throw new Unrecoverable('no', { code: 'RESOURCE_ERROR' });
    if (payload === 'later' && attempt === 1) throw new Error('not yet');
    return null;
  },
});

async function linesOf(least: LogLevel, payload: string, options: { readonly slowMs?: number } = {}) {
  const { lines, logger } = createNotes(least);
  await using env = await createTestCommands({ definitions: [work], logger, ...options });
  const input = { taskId: 't-1', taskType: 'work', payload, correlationId: 'c-1' };
  await env.commands.submit(input, { trace: TRACE });
  await env.drain();
  return lines.filter(({ taskId }) => taskId === 't-1');
}

test('a command that succeeds is one line at debug, with the fields of the contract', async () => {
  const [line, ...more] = await linesOf('debug', 'x');
  assert.deepEqual(more, []);
  assert.partialDeepStrictEqual(line, {
    ...{ level: 'debug', message: 'Command ended', taskId: 't-1', correlationId: 'c-1' },
    metadata: {
      ...{ taskType: 'work', status: 'SUCCESS', outcome: 'success', attempt: 1 },
      ...{ duration: 0, processingTime: 0, payloadSize: 3, traceparent: TRACE },
    },
  });
});

test('at info a command that succeeds in time says nothing', async () => {
  assert.deepEqual(await linesOf('info', 'x'), []);
});

test('a command that fails is told of at info, with the code', async () => {
  const [line, ...more] = await linesOf('info', 'never');
  assert.deepEqual(more, []);
  assert.partialDeepStrictEqual(line, {
    ...{ level: 'info', message: 'Command failed' },
    metadata: { status: 'FAILURE', errorCode: 'RESOURCE_ERROR', duration: 0 },
  });
});

test('an attempt that another one follows is a line at debug', async () => {
  const lines = await linesOf('debug', 'later');
  assert.deepEqual(
    lines.map(({ level, message, metadata }) => [level, message, metadata?.attempt]),
    [
      ['debug', 'Command goes on with another attempt', 1],
      ['debug', 'Command ended', 2],
    ],
  );
});

test('a slow command is told of at info', async () => {
  const [line] = await linesOf('info', 'x', { slowMs: -1 });
  assert.partialDeepStrictEqual(line, { level: 'info', message: 'Command ended', metadata: { status: 'SUCCESS' } });
});
