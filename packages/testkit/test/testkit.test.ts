import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Service } from '@millrace/kit';
import {
  eventually,
  findExecutable,
  freePort,
  requireOrSkip,
  stressStartStop,
  TestSignal,
  tempDir,
  withTempDir,
} from '../src/index.ts';

test('a temporary directory exists until it is disposed, then is gone with its files', async () => {
  let path = '';
  {
    await using dir = await tempDir();
    path = dir.path;
    assert.ok(existsSync(path));
    assert.ok(dir.join('a', 'b').startsWith(path));
  }
  assert.ok(!existsSync(path));
});

test('withTempDir removes the directory when its user throws', async () => {
  let path = '';
  await assert.rejects(
    withTempDir((given) => {
      path = given;
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  assert.ok(path !== '' && !existsSync(path));
});

test('a free port can be listened on', async () => {
  const server = createServer().listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  server.close();
});

test('eventually returns the first success and reports the last failure', async () => {
  let calls = 0;
  const value = await eventually(() => {
    calls += 1;
    if (calls < 3) throw new Error('not yet');
    return 'done';
  });
  assert.equal(value, 'done');
  await assert.rejects(
    eventually(() => assert.fail('never'), { withinMs: 50, everyMs: 5 }),
    /Still failing after 50 ms: never/,
  );
});

test('a signal keeps values emitted early, in order, and wakes who waits', async () => {
  const signal = new TestSignal<number>('ticks');
  signal.emit(1);
  signal.emit(2);
  assert.equal(signal.pending, 2);
  assert.deepEqual([await signal.next(), await signal.next()], [1, 2]);
  const waiting = signal.next();
  signal.emit(3);
  assert.equal(await waiting, 3);
  await assert.rejects(signal.next(20), /ticks was not emitted within 20 ms/);
  signal.emit(4);
  assert.equal(await signal.next(), 4, 'a waiter that gave up takes nothing');
});

test('a program is found on the PATH, and a missing one gives a reason to skip', () => {
  assert.ok(findExecutable('node'));
  assert.deepEqual(requireOrSkip('no-such-program'), { path: undefined, skip: 'no-such-program is not installed' });
});

test('a missing program fails the test where MILLRACE_REQUIRE lists it', () => {
  const before = process.env.MILLRACE_REQUIRE;
  process.env.MILLRACE_REQUIRE = 'something, no-such-program';
  try {
    assert.throws(() => requireOrSkip('no-such-program'), /MILLRACE_REQUIRE demands/);
  } finally {
    if (before === undefined) delete process.env.MILLRACE_REQUIRE;
    else process.env.MILLRACE_REQUIRE = before;
  }
});

function serviceWith(parts: Partial<Pick<Service, 'start' | 'stop'>>): Service {
  const stop = parts.stop ?? (async () => {});
  return { start: parts.start ?? (async () => {}), stop, [Symbol.asyncDispose]: stop };
}

test('stressStartStop accepts an idempotent service', async () => {
  let made = 0;
  await stressStartStop(
    () => {
      made += 1;
      return serviceWith({});
    },
    { rounds: 2 },
  );
  assert.equal(made, 6);
});

test('stressStartStop names what a broken service does not survive', async () => {
  const started = () => {
    let running = false;
    return serviceWith({
      start: async () => {
        if (running) throw new Error('already running');
        running = true;
      },
    });
  };
  await assert.rejects(stressStartStop(started), /start several times at once/);
  const hangs = () => serviceWith({ stop: () => new Promise(() => {}) });
  await assert.rejects(stressStartStop(hangs, { withinMs: 30 }), /stop before start/);
});
