/** Bare Fastify: parses the same JSON body and answers JSON of the same size, storing nothing. The ceiling of HTTP here. */
import Fastify from 'fastify';

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

const app = Fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES });
let counter = 0;

app.post('/commands', async (request, reply) => {
  const { taskType } = request.body as { taskType?: string };
  reply.code(202);
  return { taskId: `echo-${++counter}`, status: 'ACCEPTED', taskType };
});

app.post('/commands/batch', async (request) => {
  const items = request.body as { taskId?: string }[];
  return { items: items.map(({ taskId }) => ({ taskId: taskId ?? `echo-${++counter}`, status: 'ACCEPTED' })) };
});

app.get('/count', async () => ({ count: counter }));

await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
