import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMillrace } from 'millrace';
import { createReminder } from './reminder.ts';

test('a reminder is sent three days later, and again when the mail server was down', async () => {
  const sent: string[] = [];
  let failures = 2;
  const reminder = createReminder(async (to, text) => {
    if (failures-- > 0) throw new Error('the mail server is down');
    sent.push(`${to}: ${text}`);
  });
  await using m = createMillrace({ test: true, commands: [reminder] });
  await m.start();

  const { taskId } = await m.submit(reminder, { to: 'ada', text: 'tea' }, { delay: 3 * 24 * 3_600_000 });
  await m.drain();

  assert.deepEqual(sent, ['ada: tea']);
  assert.deepEqual((await m.result(taskId))?.result, { attempt: 3 });
});
