import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { silentLogger, VirtualClock } from '@millrace/kit';
import { tieToProcess } from '../src/signals.ts';

function tie(stop: () => Promise<void>) {
  const process = new EventEmitter();
  const clock = new VirtualClock();
  const exited = Promise.withResolvers<number>();
  const codes: number[] = [];
  const exit = (code: number): void => {
    codes.push(code);
    exited.resolve(code);
  };
  const untie = tieToProcess({ service: { stop }, logger: silentLogger, clock, deadlineMs: 1_000, process, exit });
  return { process, clock, codes, exited: exited.promise, untie };
}

test('a signal stops the service and exits with 0', async () => {
  let stops = 0;
  const life = tie(async () => {
    stops++;
  });
  life.process.emit('SIGTERM');
  assert.equal(await life.exited, 0);
  assert.equal(stops, 1);
});

test('a second signal exits at once with its own code', async () => {
  const life = tie(() => new Promise(() => {}));
  life.process.emit('SIGTERM');
  life.process.emit('SIGINT');
  assert.deepEqual(life.codes, [130]);
});

test('a stop that takes too long exits with 1', () => {
  const life = tie(() => new Promise(() => {}));
  life.process.emit('SIGINT');
  life.clock.advance(999);
  assert.deepEqual(life.codes, []);
  life.clock.advance(1);
  assert.deepEqual(life.codes, [1]);
});

test('a stop that fails, an uncaught exception and an unhandled rejection exit with 1', async () => {
  const failing = tie(() => Promise.reject(new Error('no')));
  failing.process.emit('SIGTERM');
  assert.equal(await failing.exited, 1);
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    const life = tie(async () => {});
    life.process.emit(event, new Error('x'));
    assert.deepEqual(life.codes, [1]);
  }
});

test('letting go leaves no listener behind', () => {
  const life = tie(async () => {});
  life.untie();
  assert.deepEqual(life.process.eventNames(), []);
});
