import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRetryAfterMs } from '../src/online/retry-after.ts';

const NOW = Date.UTC(2026, 0, 1);

test('Retry-After is read in seconds, as a date, and in ms before either', () => {
  assert.equal(readRetryAfterMs({ 'retry-after': '2' }, NOW), 2000);
  assert.equal(readRetryAfterMs({ 'retry-after': '0.35' }, NOW), 350);
  assert.equal(readRetryAfterMs({ 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }, NOW), 60_000);
  assert.equal(readRetryAfterMs({ 'retry-after': '9', 'retry-after-ms': '1200.5' }, NOW), 1201);
});

test('a pause of nothing, of the past or of years is bounded', () => {
  assert.equal(readRetryAfterMs({ 'retry-after': '0' }, NOW), 100);
  assert.equal(readRetryAfterMs({ 'retry-after': 'Thu, 01 Jan 2015 00:00:00 GMT' }, NOW), 100);
  assert.equal(readRetryAfterMs({ 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT' }, NOW), 3_600_000);
  assert.equal(readRetryAfterMs({ 'retry-after': '9'.repeat(400) }, NOW), 3_600_000);
});

test('without a pause that can be read there is none', () => {
  for (const value of [undefined, '', 'soon', '-', 'NaN', '1e9x']) {
    assert.equal(readRetryAfterMs(value === undefined ? {} : { 'retry-after': value }, NOW), undefined, `${value}`);
  }
});
