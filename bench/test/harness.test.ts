import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Measurement, Scenario } from '../harness/contract.ts';
import { inRanges, makeItems } from '../harness/ids.ts';
import { pipelinedPoster } from '../harness/open-loop.ts';
import { type RunRecord, summarize } from '../harness/results.ts';
import { median, percentiles, slope } from '../harness/statistics.ts';

test('percentiles take the nearest rank', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  assert.deepEqual(percentiles(values), { p50: 500, p95: 950, p99: 990, p999: 999, max: 1000 });
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test('the slope of a line is found', () => {
  assert.equal(
    slope([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
    2,
  );
  assert.equal(slope([[0, 1]]), 0);
});

test('ids are distinct UUIDs, the same for the same number, in order only when asked', () => {
  for (const order of ['ascending', 'random'] as const) {
    const ids = makeItems(0, 5_000, order).map(({ id }) => id);
    assert.equal(new Set(ids).size, 5_000);
    assert.ok(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/.test(id)));
    assert.deepEqual(makeItems(4_000, 1, order)[0]?.id, ids[4_000]);
    assert.equal(ids.toSorted().join() === ids.join(), order === 'ascending');
  }
});

test('ranges cover all numbers once', () => {
  assert.deepEqual(inRanges({ first: 5, count: 7 }, 3), [
    { first: 5, count: 3 },
    { first: 8, count: 3 },
    { first: 11, count: 1 },
  ]);
});

test('pipelined answers are counted wherever the stream is cut', async () => {
  const stream = `HTTP/1.1 202 Accepted\r\n\r\nHTTP/1.1 400 Bad\r\n\r\n`.repeat(200);
  const server = createServer((socket) => {
    socket.once('data', async () => {
      for (let at = 0; at < stream.length; at += 7) {
        if (!socket.write(stream.slice(at, at + 7))) await once(socket, 'drain');
        if (at % 70 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const poster = await pipelinedPoster(`http://127.0.0.1:${address.port}`, '/commands', 1);
  for (let n = 0; n < 400; n++) poster.post('{}');
  await poster.answered();
  assert.deepEqual(poster.counts, { sent: 400, answered: 400, accepted: 200 });
  poster.close();
  server.close();
});

const scenario: Scenario = {
  name: 'made-up',
  metric: 'perSecond',
  baseline: 'other',
  variants: [
    { name: 'ours', run: async () => measured(0) },
    { name: 'other', run: async () => measured(0) },
  ],
  targets: [],
};

function measured(perSecond: number, held = true): Measurement {
  return { metrics: { perSecond }, checks: [{ name: 'all', held, detail: 'made up' }], versions: {} };
}

function record(variant: string, round: number, measurement: Measurement): RunRecord {
  return { scenario: 'made-up', variant, round, at: '', seconds: 1, report: { kind: 'measured', measurement } };
}

test('a summary compares medians with the baseline', () => {
  const records = [10, 30, 20].flatMap((rate, index) => [
    record('ours', index, measured(rate)),
    record('other', index, measured(8)),
  ]);
  const { variants } = summarize(scenario, records);
  assert.deepEqual(variants[0]?.metrics.perSecond, { median: 20, min: 10, max: 30 });
  assert.equal(variants[0]?.ratio, 2.5);
});

test('a check that did not hold and a failed run are problems, a skipped one is not', () => {
  const { variants } = summarize(scenario, [
    record('ours', 1, measured(1, false)),
    { ...record('ours', 2, measured(1)), report: { kind: 'failed', reason: 'made up' } },
    { ...record('other', 1, measured(1)), report: { kind: 'skipped', reason: 'not installed' } },
  ]);
  assert.equal(variants[0]?.problems.length, 2);
  assert.deepEqual(variants[1]?.problems, []);
  assert.equal(variants[1]?.skipped, 'not installed');
});
