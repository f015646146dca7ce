import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppError } from '@millrace/kit';
import fc from 'fast-check';
import { CronTicks } from '../src/schedules/cron-ticks.ts';
import { dueTicks } from '../src/schedules/due-ticks.ts';
import { BACK_FILL_MAX, MISSED_AFTER_MS, MISSED_POLICIES } from '../src/schedules/schedule.ts';

function ticksOf({ cron, zone, from, count }: { cron: string; zone: string; from: string; count: number }): string[] {
  const ticks = new CronTicks(cron, zone);
  const found: string[] = [];
  let at: number | undefined = Date.parse(from);
  while (found.length < count) {
    at = ticks.after(at);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('ticks where clocks change', () => {
  const cases = [
    {
      name: 'a fixed time in the gap fires once, at the first instant after it (Berlin)',
      ...{ cron: '30 2 * * *', zone: 'Europe/Berlin', from: '2026-03-28T00:00:00Z' },
      expected: ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    },
    {
      name: 'a fixed time in the gap fires once, at the first instant after it (New York)',
      ...{ cron: '30 2 * * *', zone: 'America/New_York', from: '2026-03-07T12:00:00Z' },
      expected: ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    },
    {
      name: 'a gap of half an hour is no different (Lord Howe)',
      ...{ cron: '15 2 * * *', zone: 'Australia/Lord_Howe', from: '2026-10-03T00:00:00Z' },
      expected: ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    },
    {
      name: 'a list of fixed times loses none in the gap',
      ...{ cron: '30 1,2 * * *', zone: 'Europe/Berlin', from: '2026-03-28T12:00:00Z' },
      expected: ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T23:30Z', '2026-03-30T00:30Z'],
    },
    {
      name: 'a fixed time in the fold fires once, the first time (Berlin)',
      ...{ cron: '30 2 * * *', zone: 'Europe/Berlin', from: '2026-10-24T12:00:00Z' },
      expected: ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    },
    {
      name: 'a fixed time in the fold fires once, the first time (New York)',
      ...{ cron: '30 1 * * *', zone: 'America/New_York', from: '2026-10-31T12:00:00Z' },
      expected: ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    },
    {
      name: 'a fold of half an hour is no different (Lord Howe)',
      ...{ cron: '45 1 * * *', zone: 'Australia/Lord_Howe', from: '2026-04-03T20:00:00Z' },
      expected: ['2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    },
    {
      name: 'an interval goes on evenly over the gap',
      ...{ cron: '*/30 * * * *', zone: 'Europe/Berlin', from: '2026-03-29T00:10:00Z' },
      expected: ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z'],
    },
    {
      name: 'an interval goes on evenly over the fold',
      ...{ cron: '*/30 * * * *', zone: 'Europe/Berlin', from: '2026-10-24T23:50:00Z' },
      expected: ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z'],
    },
  ];
  for (const { name, expected, ...question } of cases) {
    it(name, () => assert.deepEqual(ticksOf({ ...question, count: expected.length }), expected));
  }
});

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Africa/Casablanca',
];
const CRONS = [
  '* * * * *',
  '*/7 * * * *',
  '30 2 * * *',
  '0,30 1-3 * * *',
  '15 2 * * SUN',
  '0 0 1 * *',
  '*/20 30 2 * * *',
];
const instant = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2030, 0) });

describe('the ticks of any pattern', () => {
  it('strictly ascend and do not depend on where one begins to ask', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CRONS), fc.constantFrom(...ZONES), instant, (cron, zone, from) => {
        const ticks = new CronTicks(cron, zone);
        let before = from;
        for (let count = 0; count < 30; count++) {
          const next = ticks.after(before);
          assert.ok(next !== undefined && next > before && next % 1_000 === 0);
          assert.equal(ticks.after(next - 1), next);
          assert.equal(ticks.after(before + Math.floor((next - before) / 2)), next);
          before = next;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('come even where a gap or a fold is near', () => {
    const changes = [
      '2026-03-29T01:00Z',
      '2026-10-25T01:00Z',
      '2026-03-08T07:00Z',
      '2026-11-01T06:00Z',
      '2026-10-03T15:30Z',
    ];
    for (const zone of ZONES) {
      for (const cron of CRONS) {
        const ticks = new CronTicks(cron, zone);
        for (const change of changes) {
          const around = Date.parse(change);
          for (let from = around - 7_200_000; from < around + 7_200_000; from += 599_000) {
            const next = ticks.after(from) ?? 0;
            assert.ok(next > from);
            assert.equal(ticks.after(next - 1), next);
          }
        }
      }
    }
  });

  for (const [cron, zone, pointer] of [
    ['* * * *', 'UTC', '/cron'],
    ['* * * * * * *', 'UTC', '/cron'],
    ['61 * * * *', 'UTC', '/cron'],
    ['? * * * *', 'UTC', '/cron'],
    ['@daily', 'UTC', '/cron'],
    ['* * * * *', 'Mars/Phobos', '/timeZone'],
    ['* * * * *', '+02:00', '/timeZone'],
  ] as const) {
    it(`are refused for ${cron} in ${zone}`, () => {
      assert.throws(
        () => new CronTicks(cron, zone),
        (error: AppError) => error.details.pointer === pointer,
      );
    });
  }
});

describe('what is due', () => {
  const everyMinute = (at: number) => (Math.floor(at / 60_000) + 1) * 60_000;

  it('names each tick once over any stops, in order, and no missed one under skip', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MISSED_POLICIES),
        fc.array(fc.integer({ min: 1, max: 40 * 60_000 }), { maxLength: 20 }),
        (missed, pauses) => {
          let now = 0;
          let from = everyMinute(0);
          const fired: number[] = [];
          for (const pause of pauses) {
            now += pause;
            if (from > now) continue;
            const due = dueTicks({ from, now, missed, after: everyMinute });
            fired.push(...due.fire);
            assert.equal(due.next, everyMinute(now));
            from = due.next;
          }
          assert.deepEqual(
            fired,
            [...new Set(fired)].sort((left, right) => left - right),
          );
          if (missed === 'back-fill') assert.equal(fired.length, from / 60_000 - 1);
        },
      ),
    );
  });

  it('is all that is merely late, whatever the policy', () => {
    for (const missed of MISSED_POLICIES) {
      const due = dueTicks({ from: 60_000, now: 60_000 + MISSED_AFTER_MS, missed, after: everyMinute });
      assert.deepEqual(due, { fire: [60_000, 120_000], next: 180_000 });
    }
  });

  it('is the first missed tick under run-once, and at most a thousand under back-fill', () => {
    const now = 5_000 * 60_000;
    const once = dueTicks({ from: 60_000, now, missed: 'run-once', after: everyMinute });
    assert.equal(once.fire[0], 60_000);
    assert.ok(once.fire.slice(1).every((tick) => tick >= now - MISSED_AFTER_MS));
    const filled = dueTicks({ from: 60_000, now, missed: 'back-fill', after: everyMinute });
    assert.equal(filled.fire.filter((tick) => tick < now - MISSED_AFTER_MS).length, BACK_FILL_MAX);
  });
});
