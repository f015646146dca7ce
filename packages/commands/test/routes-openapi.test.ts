import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRoutes } from './routes-env.ts';

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, unknown>>;
  readonly requestBody?: unknown;
}

const OPERATIONS = [
  'delete /commands/{taskId}',
  'get /commands',
  'get /commands/dead-letters',
  'get /commands/events',
  'get /commands/stats',
  'get /commands/types',
  'get /commands/{taskId}',
  'get /commands/{taskId}/events',
  'post /command/process',
  'post /commands',
  'post /commands/batch',
  'post /commands/dead-letters/redrive',
  'post /commands/types/{taskType}/pause',
  'post /commands/types/{taskType}/resume',
  'post /commands/{taskId}/cancel',
  'post /commands/{taskId}/retry',
];

test('every route is described in the OpenAPI document', async () => {
  await using env = await startRoutes();
  const { body } = await env.get('/openapi.json');
  const operations = Object.entries(body.paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
  );
  const ours = operations.filter(([, { tags }]) => tags?.includes('commands'));
  assert.deepEqual(ours.map(([name]) => name).sort(), OPERATIONS);
  for (const [name, { summary, responses }] of ours) {
    assert.match(summary ?? '', /\S/, name);
    assert.ok(
      Object.keys(responses).some((status) => status.startsWith('2')),
      name,
    );
  }
  const described = new Map<string, Operation>(ours);
  assert.deepEqual(Object.keys(described.get('post /command/process')?.responses ?? {}).sort(), [
    ...['200', '202', '400', '409'],
    'default',
  ]);
  for (const name of ['post /command/process', 'post /commands', 'post /commands/batch']) {
    assert.ok(described.get(name)?.requestBody !== undefined, name);
  }
});
