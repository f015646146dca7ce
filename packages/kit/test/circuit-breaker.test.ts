import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError, CircuitBreaker, type CircuitBreakerOptions, VirtualClock } from '../src/index.ts';

const failing = () => Promise.reject(new Error('down'));
const working = () => Promise.resolve('up');

function breakerOf(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker({ name: 'provider', clock, ...options });
  const fail = async (times: number) => {
    for (let time = 0; time < times; time++) await assert.rejects(breaker.execute(failing), { message: 'down' });
  };
  return { clock, breaker, fail };
}

const refusedOf = (breaker: CircuitBreaker) => breaker.execute(working).catch((error: unknown) => error);

describe('CircuitBreaker', () => {
  test('opens after five failures in a row and refuses with a time to come back', async () => {
    const { clock, breaker, fail } = breakerOf();
    await fail(4);
    assert.equal(breaker.state, 'CLOSED');
    await fail(1);
    assert.equal(breaker.state, 'OPEN');
    clock.advance(20_000);
    const refused = await refusedOf(breaker);
    assert.ok(refused instanceof AppError);
    assert.equal(refused.code, 'EXTERNAL_SERVICE_ERROR');
    assert.equal(refused.retryable, true);
    assert.equal(refused.retryAfterMs, 40_000);
  });

  test('a success in between starts the count again', async () => {
    const { breaker, fail } = breakerOf();
    await fail(4);
    assert.equal(await breaker.execute(working), 'up');
    await fail(4);
    assert.equal(breaker.state, 'CLOSED');
  });

  test('lets one trial through after 60 s; its success closes it', async () => {
    const { clock, breaker, fail } = breakerOf();
    await fail(5);
    clock.advance(59_999);
    assert.equal(breaker.state, 'OPEN');
    clock.advance(1);
    assert.equal(breaker.state, 'HALF_OPEN');
    assert.equal(await breaker.execute(working), 'up');
    assert.equal(breaker.state, 'CLOSED');
  });

  test('a trial that fails opens it for the whole time again', async () => {
    const { clock, breaker, fail } = breakerOf();
    await fail(5);
    clock.advance(60_000);
    await fail(1);
    assert.equal(breaker.state, 'OPEN');
    clock.advance(59_999);
    assert.equal((await refusedOf(breaker)) instanceof AppError, true);
    clock.advance(1);
    assert.equal(await breaker.execute(working), 'up');
  });

  test('sends others away while the trial runs', async () => {
    const { clock, breaker, fail } = breakerOf();
    await fail(5);
    clock.advance(60_000);
    const answer = Promise.withResolvers<string>();
    const trial = breaker.execute(() => answer.promise);
    const refused = await refusedOf(breaker);
    assert.ok(refused instanceof AppError);
    assert.equal(breaker.state, 'HALF_OPEN');
    answer.resolve('up');
    assert.equal(await trial, 'up');
    assert.equal(await breaker.execute(working), 'up');
  });

  test('jumps of the wall clock do not matter', async () => {
    const { clock, breaker, fail } = breakerOf();
    await fail(5);
    clock.jump(3_600_000);
    assert.equal(breaker.state, 'OPEN');
    assert.ok((await refusedOf(breaker)) instanceof AppError);
    clock.jump(-7_200_000);
    clock.advance(60_000);
    assert.equal(await breaker.execute(working), 'up');
  });

  test('errors that say nothing about the service pass through and count as answers', async () => {
    const { breaker, fail } = breakerOf({ isFailure: (error) => !(error instanceof TypeError) });
    await fail(4);
    await assert.rejects(
      breaker.execute(() => {
        throw new TypeError('bad input');
      }),
      TypeError,
    );
    await fail(4);
    assert.equal(breaker.state, 'CLOSED');
  });

  test('tells listeners of every change until they leave', async () => {
    const { clock, breaker, fail } = breakerOf({ failuresMax: 1, openMs: 10 });
    const seen: string[] = [];
    const leave = breaker.onStateChange((state) => seen.push(state));
    await fail(1);
    clock.advance(10);
    await breaker.execute(working);
    leave();
    await fail(1);
    assert.deepEqual(seen, ['OPEN', 'HALF_OPEN', 'CLOSED']);
  });
});
