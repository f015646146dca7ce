import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/kit';
import { Type } from 'typebox';
import { HEALTH_CACHE_MS, HealthMonitor } from '../src/health-monitor.ts';
import { HEALTH_CHECK_TIMEOUT_MS, type HealthCheckResult } from '../src/index.ts';
import { startTestServer } from './http-test-env.ts';

test('health names every check, hides details, and is 503 when a required one is down', async () => {
  const clock = new VirtualClock();
  const database: HealthCheckResult = { status: 'up', responseTime: 3, details: { connections: { active: 1 } } };
  let kafka: HealthCheckResult = { status: 'up' };
  await using env = await startTestServer({
    clock,
    service: { name: 'millrace', version: '1.2.3' },
    healthChecks: [
      { name: 'database', check: async () => database },
      { name: 'kafka', check: async () => kafka },
      { name: 'cache', required: false, check: () => Promise.reject(new Error('no route')) },
    ],
  });
  clock.advance(90_500);
  const answer = await env.get('/health');
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body as unknown, {
    status: 'degraded',
    timestamp: '2026-01-01T00:01:30.500Z',
    uptime: 90,
    version: '1.2.3',
    checks: {
      database: { status: 'up', responseTime: 3 },
      kafka: { status: 'up', responseTime: 0 },
      cache: { status: 'down', responseTime: 0, error: 'no route' },
    },
  });
  kafka = { status: 'down', error: 'broker gone' };
  clock.advance(HEALTH_CACHE_MS);
  const down = await env.get('/health');
  assert.equal(down.status, 503);
  assert.equal((down.body as Record<string, unknown>).status, 'error');
  assert.equal((await env.get('/health/ready')).status, 503);
  assert.equal((await env.get('/health/live')).status, 200);
});

test('one check has a path of its own, and full=true asks for the details', async () => {
  const check = () => Promise.resolve({ status: 'up' as const, details: { files: 3 } });
  await using env = await startTestServer({ healthChecks: [{ name: 'database', check }] });
  const one = await env.get('/health/database');
  assert.deepEqual([one.status, one.body.status, one.body.details], [200, 'up', undefined]);
  assert.equal((await env.get('/health/kafka')).status, 404);
  assert.equal((await env.get('/health/constructor')).status, 404);
  assert.match((await env.get('/health?full=true')).text, /"files":3/);
  assert.doesNotMatch((await env.get('/health?probe=1')).text, /files/);
});

test('detailed health adds details and memory', async () => {
  const check = async (): Promise<HealthCheckResult> => ({ status: 'up', details: { connections: 3 } });
  await using env = await startTestServer({ healthChecks: [{ name: 'database', check }] });
  const { body } = await env.get('/health/detailed');
  const { checks, memory } = body as unknown as {
    checks: { database: { details: unknown } };
    memory: Record<string, unknown>;
  };
  assert.deepEqual(checks.database.details, { connections: 3 });
  assert.deepEqual(Object.keys(memory), ['used', 'total', 'percentage', 'status']);
});

test('a check that hangs is down after its time, and many probes run it once', async () => {
  const clock = new VirtualClock();
  let runs = 0;
  let signal: AbortSignal | undefined;
  const check = (given: AbortSignal) => {
    runs++;
    signal = given;
    return new Promise<HealthCheckResult>(() => {});
  };
  const monitor = new HealthMonitor([{ name: 'slow', check }], clock);
  const reports = [monitor.report(), monitor.report()];
  await Promise.resolve();
  clock.advance(HEALTH_CHECK_TIMEOUT_MS);
  const [report] = await Promise.all(reports);
  assert.equal(report?.status, 'error');
  assert.equal(report?.checks.slow?.status, 'down');
  assert.equal(runs, 1);
  assert.equal(signal?.aborted, true);
});

test('metrics carry the names of the contract', async () => {
  await using env = await startTestServer();
  const { text, headers } = await env.get('/metrics');
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const names = [
    'http_requests_total',
    'http_request_duration_seconds',
    'nodejs_eventloop_lag_seconds',
    'process_cpu_user_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
    'nodejs_heap_size_total_bytes',
    'nodejs_gc_duration_seconds_total',
    'nodejs_gc_pause_seconds',
    'nodejs_active_handles_total',
    ...(process.platform === 'linux' ? ['process_io_read_bytes_total', 'process_io_write_bytes_total'] : []),
  ];
  for (const name of names) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'), name);
});

test('requests are counted by route pattern and status, whatever the paths', async () => {
  await using env = await startTestServer();
  for (const id of ['a', 'b', 'c']) await env.get(`/items/${id}?secret=${id}`);
  await env.post('/echo', {});
  for (const path of ['/x', '/y']) await env.get(path);
  const { text } = await env.get('/metrics');
  assert.match(text, /^http_requests_total\{method="GET",route="\/items\/:id",status="200"\} 3$/m);
  assert.match(text, /^http_requests_total\{method="POST",route="\/echo",status="400"\} 1$/m);
  assert.match(text, /^http_requests_total\{method="GET",route="unmatched",status="404"\} 2$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{le="\+Inf",method="GET",route="\/items\/:id"\} 3$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{le="0\.5",method="GET",route="\/items\/:id"\} 3$/m);
  assert.match(text, /^http_request_duration_seconds_count\{method="GET",route="\/items\/:id"\} 3$/m);
  assert.doesNotMatch(text, /secret/);
});

test('metrics can have a port of their own', async () => {
  await using env = await startTestServer({ metricsPort: 0 });
  assert.equal((await env.get('/metrics')).status, 404);
  const response = await fetch(env.server.metricsUrl);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /http_requests_total/);
});

test('the OpenAPI document is 3.1 and describes every route', async () => {
  await using env = await startTestServer({ auth: { apiKey: 'k', docsPublic: true } }, (server) => {
    server.register((app) => {
      const schema = { summary: 'Named', body: Type.Object({ a: Type.Integer() }), response: { 201: Type.Object({}) } };
      app.post('/documented/:id', { schema }, (_, reply) => {
        reply.code(201).send({});
      });
    });
  });
  const document = (await env.get('/openapi.json')).body as unknown as OpenApiDocument;
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert.equal(typeof document.info.title, 'string');
  assert.equal(typeof document.info.version, 'string');
  for (const [path, operations] of Object.entries(document.paths)) {
    assert.match(path, /^\/[^:]*$/);
    for (const { responses, parameters = [] } of Object.values(operations)) {
      assert.ok(
        Object.keys(responses).some((status) => /^2(\d\d|XX)$/.test(status)),
        path,
      );
      for (const response of Object.values(responses)) assert.equal(typeof response.description, 'string', path);
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
      assert.deepEqual(
        inPath,
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      );
    }
  }
  const operation = document.paths['/documented/{id}']?.post;
  assert.deepEqual(operation?.security, [{ apiKey: [] }, { bearer: [] }]);
  assert.equal(operation?.requestBody?.content['application/json']?.schema.properties.a?.type, 'integer');
  assert.deepEqual(document.paths['/health']?.get?.security, []);
});

test('the docs page loads from this server alone', async () => {
  await using env = await startTestServer();
  const page = await env.get('/docs');
  assert.equal(page.status, 200);
  for (const [, file] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    assert.match(file ?? '', /^\//);
    assert.equal((await env.get(file ?? '')).status, 200);
  }
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /https:|validator|upgrade-insecure/);
  assert.match((await env.get('/docs/static/swagger-initializer.js')).text, /\/openapi\.json/);
});

interface OpenApiOperation {
  readonly responses: Record<string, { readonly description?: string }>;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly security?: unknown;
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: { readonly properties: Record<string, { type?: string }> } }>;
  };
}

interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, OpenApiOperation>>;
}
