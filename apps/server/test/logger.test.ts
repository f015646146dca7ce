import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/kit';
import { createLogger, type LoggerOptions } from '../src/logger.ts';

function capture(options: Partial<LoggerOptions> = {}): {
  readonly lines: string[];
  readonly log: ReturnType<typeof createLogger>;
} {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'json',
    service: 'millrace',
    workerId: 'w-1',
    clock: new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5)),
    write: (line) => lines.push(line),
    ...options,
  });
  return { lines, log };
}

test('a line has the fields of the contract, and nothing else at the top', () => {
  const { lines, log } = capture();
  log.info('done', { taskId: 't', correlationId: 'c', metadata: { taskType: 'GREET', duration: 12 } });
  assert.deepEqual(JSON.parse(lines[0]!), {
    level: 'info',
    timestamp: '2026-01-02T03:04:05.000Z',
    service: 'millrace',
    workerId: 'w-1',
    correlationId: 'c',
    taskId: 't',
    message: 'done',
    metadata: { taskType: 'GREET', duration: 12 },
  });
  assert.ok(lines[0]!.endsWith('\n'));
});

test('levels below the set one are not written', () => {
  const { lines, log } = capture({ level: 'warn' });
  log.info('no');
  log.warn('yes');
  assert.equal(lines.length, 1);
  assert.deepEqual([log.isEnabled('info'), log.isEnabled('error')], [false, true]);
});

test('secrets are never written, wherever they stand', () => {
  const { lines, log } = capture({ secrets: ['p"ss-word', 'abc'] });
  log.error('with p"ss-word', {
    metadata: { url: 'http://u:p"ss-word@x', authorization: 'Bearer other' },
    error: new Error('p"ss-word was wrong'),
  });
  assert.doesNotMatch(lines[0]!, /ss-word|Bearer other/);
  assert.equal(JSON.parse(lines[0]!).message, 'with [secret]');
});

test('an error is written with its stack and its causes', () => {
  const { lines, log } = capture();
  log.error('broke', { error: new Error('outer', { cause: new Error('inner') }) });
  const { error } = JSON.parse(lines[0]!).metadata;
  assert.equal(error.message, 'outer');
  assert.match(error.stack, /logger\.test\.ts/);
  assert.deepEqual(error.cause, { name: 'Error', message: 'inner' });
});

test('the pretty format reads as a sentence', () => {
  const { lines, log } = capture({ format: 'pretty' });
  log.warn('slow', { taskId: 't', metadata: { duration: 12 } });
  assert.equal(lines[0], '03:04:05.000 WARN  slow taskId=t {"duration":12}\n');
});
