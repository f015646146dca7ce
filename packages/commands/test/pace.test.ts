import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../src/pace.ts';

const NOW = 1_000_000;

test('an idle hour between two commands does not make the next one seem slow', () => {
  const pace = new Pace();
  pace.note(NOW, 20, false);
  pace.note(NOW + 3_600_000, 20, false);
  assert.equal(pace.estimate(NOW, 0, NOW), NOW + 20);
  assert.equal(pace.estimate(NOW, 1, NOW), NOW + 40);
});

test('a backlog is estimated by how fast it shrinks', () => {
  const pace = new Pace();
  for (let index = 0; index <= 100; index += 1) pace.note(NOW + index * 5, 50, index < 100);
  const now = NOW + 500;
  assert.equal(pace.estimate(now, 200, now), now + 200 * 5 + 50);
  assert.equal(pace.estimate(now, 0, now + 10_000), now + 10_050, 'a delayed one ends after its time');
});

test('the first command already says how long the next one takes', () => {
  const pace = new Pace();
  assert.equal(pace.estimate(NOW, 3, NOW), NOW);
  pace.note(NOW, 1_300, false);
  assert.equal(pace.estimate(NOW, 0, NOW), NOW + 1_300);
});
