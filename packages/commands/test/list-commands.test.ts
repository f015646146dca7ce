import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { COMMAND_STATUSES, type CommandStatus } from '@millrace/kit';
import { shortOrLong } from '@millrace/testkit';
import type { ListFilter } from '../src/commands.ts';
import { Queries } from '../src/queries.ts';
import { listQuery } from '../src/sql/list-commands.ts';
import { fillCommands, filledSchema, rowOf } from './command-rows.ts';

const ROWS = 4_000;
const START = Date.UTC(2026, 0, 1);

describe('a list of commands', () => {
  let store: Store;
  let queries: Queries;
  before(async () => {
    store = createMemoryStore({ schemas: filledSchema });
    await store.start();
    await store.write(fillCommands, { from: 1, to: ROWS, start: START });
    queries = new Queries(store);
  });
  after(() => store.stop());

  const filters: ListFilter[] = [
    {},
    ...COMMAND_STATUSES.map((status) => ({ status })),
    { taskType: 't1' },
    { taskType: 't1', status: 'SUCCESS' },
    { taskType: 't2', status: 'FAILURE' },
    { correlationId: 'c7' },
    { correlationId: 'c7', status: 'SUCCESS' },
    { taskType: 't1', createdFrom: new Date(START + 500_000), createdTo: new Date(START + 900_000) },
    { createdFrom: new Date(START + 500_000), createdTo: new Date(START + 900_000) },
  ];
  for (const filter of filters) {
    it(`shows all of ${JSON.stringify(filter)} once, page by page`, async () => {
      const expected = Array.from({ length: ROWS }, (_, index) => rowOf(index + 1, START))
        .filter((row) => filter.status === undefined || row.status === filter.status)
        .filter((row) => filter.taskType === undefined || row.taskType === filter.taskType)
        .filter((row) => filter.correlationId === undefined || row.correlationId === filter.correlationId)
        .filter((row) => filter.createdFrom === undefined || row.createdAt >= filter.createdFrom.getTime())
        .filter((row) => filter.createdTo === undefined || row.createdAt < filter.createdTo.getTime());
      const shown: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await queries.list({ ...filter, limit: 97, cursor });
        shown.push(...page.items.map((item) => item.taskId));
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      assert.deepEqual(shown.toSorted(), expected.map((row) => row.taskId).toSorted());
    });

    it(`neither looks through the table nor sorts for ${JSON.stringify(filter)}`, async () => {
      const { sql, values } = listQuery(filter, false);
      const plan = await store.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
      const text = plan.map((row) => row.detail).join('\n');
      assert.doesNotMatch(text, /TEMP B-TREE/, text);
      const isWhole =
        filter.status === undefined && filter.taskType === undefined && filter.correlationId === undefined;
      const scansWhole = /SCAN c\b(?! USING INDEX commands_leased)/.test(text);
      assert.equal(scansWhole, isWhole, text);
    });
  }

  it('is newest first: by acceptance, and by the end within a state', async () => {
    const { items } = await queries.list({ limit: 1_000 });
    assert.deepEqual(items[0]?.taskId, `task-${ROWS}`);
    const failed = await queries.list({ status: 'FAILURE', limit: 1_000 });
    const ends = failed.items.map((item) => item.updatedAt);
    assert.deepEqual(ends, ends.toSorted().reverse());
  });

  it('of dead letters has those alone', async () => {
    const { items } = await queries.list({ limit: 1_000 }, true);
    assert.ok(items.length > 0);
    assert.ok(items.every((item) => item.deadLettered && item.status === 'FAILURE'));
  });

  it('refuses a cursor of another list', async () => {
    const { nextCursor } = await queries.list({ limit: 1 });
    for (const cursor of [nextCursor ?? '', 'zz', "' OR 1", 'e1.']) {
      await assert.rejects(queries.list({ status: 'FAILURE', cursor }), { code: 'VALIDATION_ERROR' });
    }
  });
});

describe('a page out of many commands', () => {
  it('takes less than 50 ms', { timeout: 120_000 }, async (test) => {
    const rows = shortOrLong(60_000, 300_000);
    const store = createMemoryStore({ schemas: filledSchema });
    await store.start();
    for (let from = 1; from <= rows; from += 20_000) {
      await store.write(fillCommands, { from, to: Math.min(from + 19_999, rows), start: START });
    }
    const statuses: CommandStatus[] = ['FAILURE', 'SUCCESS', 'RUNNING'];
    const filters: ListFilter[] = [
      {},
      { taskType: 't1' },
      { correlationId: 'c7' },
      ...statuses.map((status) => ({ status })),
    ];
    const queries = new Queries(store);
    for (const filter of filters) {
      await queries.list(filter);
      const began = performance.now();
      await queries.list(filter);
      const ms = performance.now() - began;
      test.diagnostic(`${JSON.stringify(filter)} of ${rows}: ${ms.toFixed(1)} ms`);
      assert.ok(ms < 50, `${JSON.stringify(filter)} took ${ms} ms`);
    }
    await store.stop();
  });
});
