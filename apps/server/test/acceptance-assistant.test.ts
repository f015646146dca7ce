import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { tempDir } from '@millrace/testkit';
import { startServer } from './acceptance-env.ts';
import { answer, startWireServer } from './wire-server.ts';

const TEST_KEY = 'sk-test-0c1d2e3f4a5b';
const TEST_MODEL = 'test-model-1';

const ASK = {
  taskType: 'EXECUTE_ASSISTANT',
  payload: { assistantId: 'a', input: 'Meet Anna in Berlin on 5 May 2031.' },
};

test('without a provider the assistant answers offline and says that it is no language model', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  const { status, body } = await server.send('POST', '/command/process', { taskId: 'off', ...ASK });
  assert.deepEqual([status, body.status, body.result.provider], [200, 'SUCCESS', 'offline']);
  assert.match(body.result.message, /without a language model/);
  assert.equal(new Date(body.result.processedAt).toISOString(), body.result.processedAt);
  assert.deepEqual(body.result.output.people, ['Anna']);
  const payload = { userInput: 'Only this.' };
  const other = await server.send('POST', '/command/process', { taskId: 'off-2', taskType: ASK.taskType, payload });
  assert.equal(other.body.status, 'SUCCESS');
  const habits = { userId: 'u', habits: [{ name: 'run', frequency: 'daily', time: '07:00', duration: 30 }] };
  const refused = { taskId: 'h', taskType: 'SCHEDULE_HABITS', payload: habits };
  const answered = await server.send('POST', '/command/process', refused);
  assert.deepEqual([answered.status, answered.body.status], [200, 'FAILURE']);
  assert.deepEqual([answered.body.error.code, answered.body.error.retryable], ['RESOURCE_ERROR', false]);
});

test('with a provider its tokens come over the event stream as progress, and its patience is honoured', async () => {
  await using provider = await startWireServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${TEST_KEY}`) answer(response, 401, {});
    else if (provider.requests.length > 1) streamTokens(response, ['Hello', ' from', ' the model.']);
    else response.setHeader('retry-after', '1').writeHead(429).end('{}');
  });
  await using directory = await tempDir('millrace-');
  const env = { OPENAI_BASE_URL: `${provider.url}/v1`, OPENAI_API_KEY: TEST_KEY, OPENAI_MODEL: TEST_MODEL };
  await using server = await startServer({ dataDir: directory.join('data'), env });
  await server.send('POST', '/commands', { taskId: 'on', ...ASK });
  const events: { type: string; value?: unknown }[] = [];
  for await (const event of server.client.watch('on')) events.push(event as (typeof events)[number]);
  const types = events.map(({ type }) => type);
  assert.ok(types.includes('command.progress'), types.join());
  assert.equal(types.at(-1), 'command.succeeded');
  const told = events.filter(({ type }) => type === 'command.progress').map((event) => JSON.stringify(event));
  assert.match(told.join(''), /Hello/);
  const { body } = await server.send('GET', '/commands/on');
  assert.equal(body.result.message, 'Hello from the model.');
  assert.notEqual(body.result.provider, 'offline');
  assert.deepEqual(
    body.history.map(({ outcome }: { outcome: string }) => outcome),
    ['released', 'success'],
  );
  assert.equal(provider.requests.length, 2);
  assert.ok(!server.process.output().includes(TEST_KEY));
});

/** The chat-completions stream of OpenAI. */
function streamTokens(response: ServerResponse, tokens: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (more: object) => {
    const base = { id: 'c-1', object: 'chat.completion.chunk', created: 1, model: TEST_MODEL };
    response.write(`data: ${JSON.stringify({ ...base, ...more })}\n\n`);
  };
  for (const content of tokens) chunk({ choices: [{ index: 0, delta: { role: 'assistant', content } }] });
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  chunk({ choices: [], usage: { prompt_tokens: 9, completion_tokens: tokens.length, total_tokens: 12 } });
  response.end('data: [DONE]\n\n');
}
