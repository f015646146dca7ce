import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLines } from '../src/index.ts';
import { isTooDeep, parseJson } from '../src/json-body.ts';
import { startTestServer } from './http-test-env.ts';

const RUNS_OVER_HTTP = 150;

test('whatever bytes arrive, the answer is never a 5xx', async () => {
  await using env = await startTestServer();
  const bodies = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc.json().map((text) => new TextEncoder().encode(text.slice(0, text.length / 2) || '{')),
  );
  const types = fc.constantFrom(
    'application/json',
    'application/x-ndjson',
    'text/plain',
    'application/json; charset=x',
  );
  const paths = fc.constantFrom('/echo', '/batch', '/items/a/cancel');
  await fc.assert(
    fc.asyncProperty(paths, types, bodies, async (path, type, body) => {
      const answer = await env.post(path, body, { 'content-type': type });
      assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
    }),
    { numRuns: RUNS_OVER_HTTP },
  );
  assert.deepEqual(env.logged, []);
});

test('JSON that is accepted is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const expected: unknown = JSON.parse(text);
      assert.deepEqual(parsedOrRefused(text), expectedOf(text, expected));
    }),
  );
});

test('the depth found by scanning is the depth of the value', () => {
  const depthOf = (value: unknown): number =>
    value !== null && typeof value === 'object' ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 10 }), (value, limit) => {
      assert.equal(isTooDeep(JSON.stringify(value), limit), depthOf(value) > limit);
    }),
  );
});

test('lines are the same however the body is cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      async (values, size) => {
        const bytes = Buffer.from(values.map((value) => JSON.stringify(value)).join('\n'));
        async function* chunks() {
          for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
        }
        const items = await parseLines(chunks());
        const whole = await parseLines(
          (async function* () {
            yield bytes;
          })(),
        );
        assert.deepEqual(items, whole);
        assert.equal(items.length, values.length);
      },
    ),
  );
});

const REFUSED = Symbol('refused');

function parsedOrRefused(text: string): unknown {
  try {
    return parseJson(Buffer.from(text));
  } catch {
    return REFUSED;
  }
}

/** Keys that reach for a prototype are refused; everything else is kept. */
function expectedOf(text: string, value: unknown): unknown {
  return /__proto__|constructor/.test(text) ? parsedOrRefused(text) : value;
}
