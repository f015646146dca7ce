import { createMillrace, defineCommand } from 'millrace';
import Type from 'typebox';

const greet = defineCommand({
  type: 'greet',
  payload: Type.Object({ name: Type.String({ minLength: 1 }) }),
  handler: ({ payload }, { attempt }) => ({ greeting: `Hello, ${payload.name}!`, attempt }),
});

// Everything durable lives in this directory: kill the program at any moment and start it again.
const dataDir = process.argv[2] ?? '.millrace';

await using millrace = createMillrace({ dataDir, http: false, commands: [greet] });
await millrace.start();

const { taskId } = await millrace.submit(greet, { name: 'Ada' });
console.log(await millrace.result(taskId));

// The same taskId is the same command: it is not run twice, its first result comes back.
await millrace.submit({ taskId: 'welcome-grace', taskType: 'greet', payload: { name: 'Grace' } });
const again = await millrace.submit({ taskId: 'welcome-grace', taskType: 'greet', payload: { name: 'Grace' } });
console.log({ replay: again.replay });
console.log(await millrace.result('welcome-grace'));
