import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measurement, Scenario, Target } from '../harness/contract.ts';
import { renderReport } from '../harness/report.ts';
import type { RunRecord } from '../harness/results.ts';
import { loadScenarios } from '../harness/scenarios.ts';
import { judgeTargets } from '../harness/targets.ts';

function measured(perSecond: number, held = true): Measurement {
  return { metrics: { perSecond }, checks: [{ name: 'all', held, detail: 'made up' }], versions: {} };
}

function scenarioWith(...targets: Target[]): Scenario {
  const run = async () => measured(0);
  const variants = [
    { name: 'ours', run },
    { name: 'other', run },
  ];
  return { name: 'made-up', metric: 'perSecond', baseline: 'other', variants, targets };
}

function record(variant: string, round: number, perSecond: number, held = true): RunRecord {
  const report = { kind: 'measured' as const, measurement: measured(perSecond, held) };
  return { scenario: 'made-up', variant, round, at: '', seconds: 1, report };
}

const RATES = [10, 30, 20].map((rate, round) => record('ours', round, rate));

test('a target is held against the median and shows the range', () => {
  const least = { text: 'fast', variant: 'ours', metric: 'perSecond', atLeast: 20 };
  const [fast, faster] = judgeTargets([scenarioWith(least, { ...least, atLeast: 21 })], RATES);
  assert.deepEqual(fast?.measured, { median: 20, min: 10, max: 30 });
  assert.deepEqual([fast?.reached, fast?.runs, faster?.reached], [true, 3, false]);
});

test('a ratio is taken within each round, so that a machine that slows down does not move it', () => {
  const target = { text: 'twice', variant: 'ours', metric: 'perSecond', relativeTo: 'other', atLeast: 2 };
  const others = [5, 15, 8].map((rate, round) => record('other', round, rate));
  const [verdict] = judgeTargets([scenarioWith(target)], [...RATES, ...others]);
  assert.deepEqual(verdict?.measured, { median: 2, min: 2, max: 2.5 });
  assert.equal(verdict?.reached, true);
  const [unpaired] = judgeTargets([scenarioWith(target)], [...RATES, ...others.slice(0, 1)]);
  assert.equal(unpaired?.runs, 1);
});

test('a target for every run is judged by the worst one', () => {
  const target = { text: 'small', variant: 'ours', metric: 'perSecond', atMost: 25 };
  const [median, always] = judgeTargets([scenarioWith(target, { ...target, always: true })], RATES);
  assert.deepEqual([median?.reached, always?.reached], [true, false]);
});

test('a run that fails a check counts for no target, and what was not measured is not judged', () => {
  const target = { text: 'fast', variant: 'ours', metric: 'perSecond', atLeast: 1 };
  const absent = { ...target, metric: 'nothing' };
  const [fast, nothing] = judgeTargets([scenarioWith(target, absent)], [record('ours', 1, 99, false)]);
  assert.deepEqual([fast?.measured, fast?.reached, nothing?.reached], [undefined, undefined, undefined]);
});

test('a smoke run shows its numbers and judges none', () => {
  const target = { text: 'fast', variant: 'ours', metric: 'perSecond', atLeast: 20 };
  const [verdict] = judgeTargets([scenarioWith(target)], RATES, false);
  assert.deepEqual([verdict?.measured?.median, verdict?.reached], [20, undefined]);
  const report = renderReport({ header: [], summaries: [], targets: verdict === undefined ? [] : [verdict] });
  assert.match(report, /\| made-up \| fast \| ours \| 20 \(10–30\) \| 3 \| too small to judge \|/);
});

test('every target and baseline of the scenarios names a variant that there is', async () => {
  for (const { name, variants, baseline, targets } of await loadScenarios(undefined)) {
    const names = [baseline, ...targets.flatMap(({ variant, relativeTo }) => [variant, relativeTo ?? variant])];
    const known = variants.map((variant) => variant.name);
    assert.deepEqual(
      names.filter((wanted) => !known.includes(wanted)),
      [],
      name,
    );
  }
});
