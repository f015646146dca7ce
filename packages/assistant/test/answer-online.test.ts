import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type AssistantOptions, type AssistantResult, createAssistantCommands } from '@millrace/assistant';
import { Recoverable, RetryAfter, Unrecoverable, VirtualClock } from '@millrace/kit';
import { answer, type FakeAct, type FakeOpenAi, startFakeOpenAi, TEST_KEY, TEST_MODEL } from './fake-openai.ts';
import { createCommand, createTestContext, findDefinition, type TestContextOptions } from './test-context.ts';

function createRun(fake: FakeOpenAi, options: AssistantOptions = {}) {
  const settings = { baseUrl: fake.baseUrl, model: TEST_MODEL, apiKey: TEST_KEY, ...options };
  const { handler } = findDefinition(createAssistantCommands(settings), 'EXECUTE_ASSISTANT');
  return (payload: unknown = { input: 'What is a mill race?' }, contextOptions: TestContextOptions = {}) => {
    const context = createTestContext(contextOptions);
    const result = Promise.resolve(handler(createCommand(payload), context)) as Promise<AssistantResult>;
    result.catch(() => {});
    return { context, result };
  };
}

/** Runs one command against one script and returns what it threw. */
async function failureFrom(acts: readonly FakeAct[], options: AssistantOptions = {}): Promise<unknown> {
  await using fake = await startFakeOpenAi();
  fake.enqueue(...acts);
  return await failureOf(createRun(fake, options)().result);
}

async function failureOf(result: Promise<unknown>): Promise<unknown> {
  return await result.then(
    () => assert.fail('It should have failed.'),
    (error: unknown) => error,
  );
}

/** No failure may carry the key, wherever an operator might read it. */
function assertKeepsSecret(error: Recoverable | Unrecoverable): void {
  assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(TEST_KEY), 'The key is in the error.');
}

function assertRecoverable(error: unknown): Recoverable {
  assert.ok(error instanceof Recoverable, `Recoverable expected, got ${String(error)}`);
  assertKeepsSecret(error);
  assert.equal(error.code, 'EXTERNAL_SERVICE_ERROR');
  return error;
}

function assertUnrecoverable(error: unknown): Unrecoverable {
  assert.ok(error instanceof Unrecoverable, `Unrecoverable expected, got ${String(error)}`);
  assertKeepsSecret(error);
  assert.equal(error.code, 'EXTERNAL_SERVICE_ERROR');
  return error;
}

test('the model answers, its tokens are progress and what it used is recorded', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue(...answer('A channel ', 'that leads water ', 'to a mill.'));
  const clock = new VirtualClock();
  const { context, result } = createRun(fake, { clock })();
  const { message, provider, processedAt, output } = await result;
  assert.equal(message, 'A channel that leads water to a mill.');
  assert.equal(provider, 'openai-compatible');
  assert.equal(processedAt, '2026-01-01T00:00:00.000Z');
  assert.deepEqual(output, {
    text: message,
    model: `${TEST_MODEL}-2026-01-01`,
    finishReason: 'stop',
    usage: { inputTokens: 21, outputTokens: 3, totalTokens: 24 },
  });
  assert.equal(context.reports.map((report) => (report as { delta: string }).delta).join(''), message);
});

test('tokens are shown while the answer is still being written', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue({ kind: 'text', text: 'Once upon' }, { kind: 'stall' });
  const stop = new AbortController();
  const { context, result } = createRun(fake)(undefined, { signal: stop.signal });
  assert.deepEqual(await context.nextReport(), { delta: 'Once upon' });
  stop.abort(new Error('seen enough'));
  await assert.rejects(result, /seen enough/);
});

test('the request carries the instructions, the context, the limit and the idempotency key', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue(...answer('Yes.'));
  const run = createRun(fake, { instructions: 'Be brief.', maxOutputTokens: 50 });
  await run({ userInput: 'Is it open?', context: { sessionId: 's-1' } }, { taskId: 'task-9' }).result;
  const request = fake.requests[0]!;
  assert.equal(request.headers['idempotency-key'], 'task-9:completion');
  assert.equal(request.body.max_tokens, 50);
  const [system, user] = request.body.messages as { role: string; content: string }[];
  assert.match(system!.content, /^Be brief\.\n\nContext .*\n\{"sessionId":"s-1"\}$/);
  assert.deepEqual(user, { role: 'user', content: 'Is it open?' });
});

test('a completion whose step is committed is not called again', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue(...answer('Once.'));
  const run = createRun(fake);
  const steps = new Map();
  await run(undefined, { steps }).result;
  const { message } = await run(undefined, { steps, attempt: 2 }).result;
  assert.equal(message, 'Once.');
  assert.equal(fake.requests.length, 1);
});

test('aborting the command closes the connection to the provider and rejects with the reason', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue({ kind: 'text', text: 'Well' }, { kind: 'stall' });
  const stop = new AbortController();
  const { context, result } = createRun(fake)(undefined, { signal: stop.signal });
  await context.nextReport();
  const reason = new Error('cancelled by the user');
  stop.abort(reason);
  await assert.rejects(result, (error) => error === reason);
  await fake.requests[0]!.closedEarly;
});

test('Retry-After in seconds, as a date and in ms is passed on; nonsense lengths are bounded', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const cases: readonly [number, Record<string, string>, number][] = [
    [429, { 'retry-after': '7' }, 7000],
    [503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [429, { 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
    [429, { 'retry-after': '0' }, 100],
    [429, { 'retry-after': '99999999' }, 3_600_000],
  ];
  for (const [status, headers, expected] of cases) {
    const error = await failureFrom([{ kind: 'status', status, headers, body: '{}' }], { clock });
    assert.ok(error instanceof RetryAfter, String(error));
    assert.equal(error.retryAfterMs, expected);
  }
});

test('a 429 without Retry-After is retried by the policy, an exhausted quota is not', async () => {
  assertRecoverable(await failureFrom([{ kind: 'status', status: 429, body: '{"error":{"message":"slow down"}}' }]));
  const body = '{"error":{"message":"no credit","code":"insufficient_quota"}}';
  assertUnrecoverable(await failureFrom([{ kind: 'status', status: 429, headers: { 'retry-after': '1' }, body }]));
});

test('a refused key ends the command and is named nowhere', async () => {
  await using fake = await startFakeOpenAi();
  const secret = 'a-secret-of-another-shape';
  const error = assertUnrecoverable(await failureOf(createRun(fake, { apiKey: secret })().result));
  assert.match(error.message, /401.*OPENAI_API_KEY/);
  assert.doesNotMatch(JSON.stringify([error.message, error.details, error.stack]), new RegExp(secret));
  assert.equal(error.cause, undefined);
});

test('requests that can never succeed are not retried, and the message says what to check', async () => {
  await using fake = await startFakeOpenAi();
  const wrongModel = await failureOf(createRun(fake, { model: 'other' })().result);
  assert.match(assertUnrecoverable(wrongModel).message, /400.*check the model.*other/);
  const wrongPath = await failureOf(createRun(fake, { baseUrl: fake.baseUrl.replace('/v1', '/v2') })().result);
  assert.match(assertUnrecoverable(wrongPath).message, /404.*OPENAI_BASE_URL/);
  assertUnrecoverable(await failureFrom([{ kind: 'status', status: 403, body: '{}' }]));
  assertUnrecoverable(await failureFrom([{ kind: 'status', status: 422, body: 'not even JSON' }]));
});

test('server errors and unreachable providers are retried', async () => {
  const error = assertRecoverable(await failureFrom([{ kind: 'status', status: 500, body: '<html>oops</html>' }]));
  assert.equal(error.details.status, 500);
  const fake = await startFakeOpenAi();
  await fake[Symbol.asyncDispose]();
  assert.match(assertRecoverable(await failureOf(createRun(fake)().result)).message, /connect/);
});

test('the SDK itself does not retry', async () => {
  await using fake = await startFakeOpenAi();
  await createRun(fake)().result.catch(() => {});
  assert.equal(fake.requests.length, 1);
});

test('an answer that breaks off in any way is a failure to be retried', async () => {
  const begun = { kind: 'text', text: 'Half an ans' } as const;
  const breaks: readonly (readonly FakeAct[])[] = [
    [begun, { kind: 'drop' }],
    [begun, { kind: 'end' }],
    [begun],
    [begun, { kind: 'raw', line: 'data: {"choices": [' }],
    [{ kind: 'raw', line: 'data: {"surprise": true}' }],
    [{ kind: 'status', status: 200, body: '<html>the page of a proxy</html>' }],
  ];
  for (const acts of breaks) {
    const error = assertRecoverable(await failureFrom(acts));
    assert.doesNotMatch(error.message, /connect to API/, 'The fake was reached.');
  }
  const inStream = await failureFrom([begun, { kind: 'raw', line: 'data: {"error":{"message":"overloaded"}}' }]);
  assert.match(assertRecoverable(inStream).message, /overloaded/);
});

test('an answer without end is broken off and not asked for again', async () => {
  const endless = Array.from({ length: 300 }, () => ({ kind: 'text', text: 'x'.repeat(1000) }) as const);
  await using fake = await startFakeOpenAi();
  fake.enqueue(...endless, { kind: 'stall' });
  const error = assertUnrecoverable(await failureOf(createRun(fake)().result));
  assert.match(error.message, /passed 250000 characters/);
  await fake.requests[0]!.closedEarly;
});

test('an answer that the provider filtered away is not asked for again', async () => {
  assertUnrecoverable(await failureFrom([{ kind: 'finish', reason: 'content_filter' }]));
});

test('a command that is aborted already does not reach the provider', async () => {
  await using fake = await startFakeOpenAi();
  const signal = AbortSignal.abort(new Error('too late'));
  await assert.rejects(createRun(fake)(undefined, { signal }).result, /too late/);
  assert.equal(fake.requests.length, 0);
});

test('an empty answer is a failure', async () => {
  assert.match(assertRecoverable(await failureFrom([{ kind: 'finish' }])).message, /answered nothing/);
});

test('a provider that falls silent is given up after the idle timeout, and its connection closed', async () => {
  await using fake = await startFakeOpenAi();
  // Enough text to be shown at once: the virtual clock must not move before the provider has spoken.
  fake.enqueue({ kind: 'text', text: 'Hm. '.repeat(100) }, { kind: 'stall' });
  const clock = new VirtualClock();
  const { context, result } = createRun(fake, { clock, idleTimeoutMs: 5000 })();
  await context.nextReport();
  clock.advance(5000);
  const error = assertRecoverable(await failureOf(result));
  assert.match(error.message, /nothing for 5000 ms/);
  assert.deepEqual(error.details, { idleTimeoutMs: 5000, requestTimeoutMs: 0 });
  await fake.requests[0]!.closedEarly;
});

test('a provider that never answers is given up after the idle timeout', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue({ kind: 'stall' });
  const error = assertRecoverable(await failureOf(createRun(fake, { idleTimeoutMs: 50 })().result));
  assert.match(error.message, /nothing for 50 ms/);
});

test('usage that is missing or absurd is recorded as unknown', async () => {
  const lies: readonly unknown[] = [undefined, { prompt_tokens: -5, completion_tokens: 1.5, total_tokens: null }];
  for (const usage of lies) {
    await using fake = await startFakeOpenAi();
    fake.enqueue({ kind: 'text', text: 'Hello.' }, { kind: 'finish', usage });
    const { output } = await createRun(fake)().result;
    assert.ok('usage' in output);
    assert.deepEqual(output.usage, { inputTokens: null, outputTokens: null, totalTokens: null });
  }
});

test('an answer cut at the token limit says so', async () => {
  await using fake = await startFakeOpenAi();
  fake.enqueue({ kind: 'text', text: 'To be cont' }, { kind: 'finish', reason: 'length' });
  const { output } = await createRun(fake)().result;
  assert.ok('finishReason' in output);
  assert.equal(output.finishReason, 'length');
});

test('half a provider, a URL that is none and nonsense limits are refused when the program starts', () => {
  const baseUrl = 'http://localhost:11434/v1';
  const wrong: readonly [AssistantOptions, RegExp][] = [
    [{ baseUrl }, /OPENAI_MODEL/],
    [{ model: 'm' }, /OPENAI_BASE_URL/],
    [{ baseUrl: 'localhost:11434', model: 'm' }, /must be an http or https URL/],
    [{ baseUrl: 'http://user:pass@host/v1', model: 'm' }, /no credentials/],
    [{ baseUrl, model: 'm', idleTimeoutMs: 0 }, /idleTimeoutMs/],
    [{ concurrency: 1.5 }, /concurrency/],
  ];
  for (const [options, expected] of wrong) assert.throws(() => createAssistantCommands(options), expected);
  createAssistantCommands({ apiKey: 'unused-without-a-provider' });
});
