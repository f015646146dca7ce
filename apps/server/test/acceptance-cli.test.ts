import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@millrace/testkit';
import { startServer } from './acceptance-env.ts';
import { runMillrace } from './run-millrace.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/handlers/commands.ts', import.meta.url));

test('the program commands what the program serves: children in threads, steps, failures, pauses', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data'), handlers: EXAMPLES });
  const run = (...args: string[]) => runMillrace(args, { env: { MILLRACE_URL: server.url } });
  const parse = async (...args: string[]) => {
    const { stdout, stderr, code } = await run(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  const primes = await run('submit', 'primes.count', '--task-id', 'p', '--wait', '20s', '--payload', '{"below":1000}');
  assert.equal(primes.code, 0, primes.stderr);
  assert.match(primes.stdout, /p SUCCESS[\s\S]*168/);
  assert.equal((await parse('show', 'p-c1')).taskType, 'primes.count-in', 'its child ran in a thread');

  const charge = await parse('submit', 'order.charge', '--task-id', 'o', '--payload', '{"customer":"z","cents":5}');
  assert.equal(charge.taskId, 'o');
  const watched = await run('watch', 'o');
  assert.match(watched.stdout, /queued[\s\S]*started[\s\S]*succeeded/);

  const failing = ['submit', 'address.look-up', '--task-id', 'n', '--payload', '{"text":"nowhere"}', '--wait', '20s'];
  assert.equal((await run(...failing)).code, 3);
  assert.match((await run('list', '--status', 'FAILURE')).stdout, /n +address\.look-up +FAILURE +1 .*PROCESSING_ERROR/);
  assert.deepEqual(await parse('redrive', '--type', 'address.look-up'), { redriven: 1 });
  assert.equal((await run('drain')).code, 0);
  assert.equal((await parse('show', 'n')).run, 2);

  assert.match((await run('pause', 'order.charge')).stdout, /paused/);
  const waiting = ['submit', 'order.charge', '--task-id', 'w', '--payload', '{"customer":"z","cents":5}'];
  assert.equal((await run(...waiting)).code, 0);
  assert.equal((await parse('show', 'w')).status, 'QUEUED');
  assert.equal((await run('cancel', 'w')).code, 0);
  assert.equal((await parse('show', 'w')).status, 'CANCELLED');
  assert.equal((await parse('resume', 'order.charge')).items[0].paused, false);
  assert.equal((await run('retry', 'w')).code, 0);
  assert.equal((await server.send('GET', '/commands/w?wait=5')).body.status, 'SUCCESS');
});
