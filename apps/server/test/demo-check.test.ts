import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandView } from '@millrace/kit';
import { checkDemo } from '../src/demo/check-demo.ts';
import type { DemoReport } from '../src/demo/run-demo.ts';
import { percentilesOf, SummaryBuilder } from '../src/demo/summary.ts';
import { readTexts } from '../src/demo/texts.ts';
import { createWorkload } from '../src/demo/workload.ts';

const texts = readTexts();
const workload = createWorkload(100, texts);
const AT = '2026-01-01T00:00:00.000Z';

type Shown = Pick<CommandView, 'taskId' | 'taskType' | 'status' | 'attempts' | 'deadLettered'>;

const tick: Shown = { taskId: 't', taskType: 'TICK', status: 'SUCCESS', attempts: 1, deadLettered: false };

/** What the server would show if everything went as it must. */
function allWell(): Shown[] {
  const inputs = [...workload.inputs()];
  return [
    tick,
    ...inputs.map(({ taskId = '', taskType }) => {
      const { status, attempts } = workload.expected.find((type) => type.taskType === taskType)!;
      return { taskId, taskType, status, attempts, deadLettered: status === 'FAILURE' };
    }),
  ];
}

function reportOf(views: readonly Shown[], rest: Partial<DemoReport> = {}): DemoReport {
  const summary = new SummaryBuilder();
  const times = { createdAt: AT, runAt: AT, finishedAt: AT, duration: 1 };
  for (const view of views) summary.add({ ...times, ...view } as CommandView);
  const urgent = { count: 0, latencyMs: percentilesOf([]) };
  const counts = { submitted: 100, accepted: 100, acceptedInMs: 1, endedInMs: 1, primes: 0, deadLetters: 1 };
  const example = {} as CommandView;
  return { ...counts, missing: [], all: summary.all, types: summary.types, urgent, example, ...rest };
}

test('nothing differs when every command ended as it must', () => {
  assert.deepEqual(checkDemo(workload, reportOf(allWell())), []);
});

test('the check names what is lost and what ended wrongly; an attempt too many is no mistake', () => {
  const [, first, ...others] = allWell();
  const views = [{ ...first!, status: 'FAILURE', attempts: 2 } as Shown, ...others.slice(1)];
  const missing = [others[0]!.taskId];
  const differences = checkDemo(workload, reportOf(views, { missing, accepted: 99, deadLetters: 0 }));
  assert.deepEqual(differences, [
    'commands accepted: 99 instead of 100.',
    'dead letters listed: 0 instead of 1.',
    '1 accepted commands have not ended: demo-0000002.',
    'EXECUTE_ASSISTANT in state SUCCESS: 88 instead of 90.',
    'EXECUTE_ASSISTANT in state FAILURE: 1 instead of 0.',
    'The schedule fired 0 times, 0 with success.',
  ]);
});

test('a workload is the same every time, with unique ids and every kind', () => {
  const ids = [...workload.inputs()].map(({ taskId }) => taskId);
  assert.equal(new Set(ids).size, 100);
  assert.deepEqual([...workload.inputs()], [...workload.inputs()]);
  const counts = Object.fromEntries(workload.expected.map(({ taskType, count }) => [taskType, count]));
  const expected = { EXECUTE_ASSISTANT: 90, COUNT_PRIMES: 1, SEND_REMINDER: 5, CHARGE_CARD: 3, READ_BROKEN_FEED: 1 };
  assert.deepEqual(counts, expected);
});

test('percentiles are nearest ranks, and zero of nothing', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(percentilesOf(hundred), { p50: 50, p95: 95, p99: 99 });
  assert.deepEqual(percentilesOf([]), { p50: 0, p95: 0, p99: 0 });
});
