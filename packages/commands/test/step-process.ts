import { appendFileSync } from 'node:fs';
import { createSqliteStore } from '@millrace/engines/store';
import { defineCommand } from '@millrace/kit';
import { commandsSchema, createCommands } from '../src/index.ts';

/** A process that charges once through a step and dies where it is told to: `step-process.ts DIRECTORY PROVIDER DIE`. */
const [directory = '', provider = '', die = 'never'] = process.argv.slice(2);
const dieAt = (place: string) => die === place && process.kill(process.pid, 'SIGKILL');

const alive = setInterval(() => {}, 60_000);
const store = createSqliteStore({ directory, schemas: [commandsSchema] });
await store.start();
const commands = createCommands({
  store,
  definitions: [
    defineCommand({
      type: 'order',
      async handler(_command, context) {
        const charge = await context.step('charge', ({ idempotencyKey }) => {
          appendFileSync(provider, `${idempotencyKey}\n`);
          dieAt('before-commit');
          return { receipt: idempotencyKey };
        });
        dieAt('after-commit');
        return charge;
      },
    }),
  ],
});
await commands.start();
const { outcome } = await commands.process({ taskId: 'order-1', taskType: 'order' }, { waitMs: 30_000 });
process.stdout.write(`${JSON.stringify(outcome)}\n`);
await commands.stop();
await store.stop();
clearInterval(alive);
