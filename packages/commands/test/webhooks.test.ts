import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { type CommandOutcome, defineCommand, isTerminal, partial, systemClock, Unrecoverable } from '@millrace/kit';
import { eventually } from '@millrace/testkit';
import { type Commands, type CommandsOptions, commandsSchema, createCommands } from '../src/index.ts';
import { createUrlGuard } from '../src/url-guard.ts';
import { WebhookDelivery } from '../src/webhook-delivery.ts';

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = (response: ServerResponse, count: number) => void;

/** A receiver on a real socket. */
class Receiver implements AsyncDisposable {
  readonly deliveries: Delivery[] = [];
  readonly #server = createServer((request, response) => void this.#take(request, response));
  readonly #answer: Answer;

  constructor(answer: Answer = (response) => response.end('ok')) {
    this.#answer = answer;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  outcomes(): (CommandOutcome & { taskType: string; correlationId?: string })[] {
    return this.deliveries.map(({ body }) => JSON.parse(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    this.deliveries.push({ headers: request.headers, body });
    this.#answer(response, this.deliveries.length);
  }
}

const SECRET = `whsec_${Buffer.from('a secret of the tests').toString('base64')}`;
const held = Promise.withResolvers<void>();
const definitions = [
  defineCommand({ type: 'fine', handler: () => ({ answer: 42 }) }),
  defineCommand({ type: 'half', handler: () => partial(1, 'the rest failed') }),
  defineCommand({
    type: 'wrong',
    handler: () => {
      throw new Unrecoverable('never');
    },
  }),
  defineCommand({ type: 'held', concurrency: 1, handler: () => held.promise }),
];

interface Env extends AsyncDisposable {
  readonly store: Store;
  readonly room: Commands;
}

async function startRoom(options: Partial<CommandsOptions> = {}, store?: Store): Promise<Env> {
  const opened = store ?? createMemoryStore({ schemas: [commandsSchema] });
  await opened.start();
  const room = createCommands({
    ...{ store: opened, definitions, shutdownMs: 0, webhookSecret: SECRET, allowPrivateCallbacks: ['127.0.0.0/8'] },
    // No jitter: retries follow at once.
    random: () => 0,
    ...options,
  });
  await room.start();
  return {
    ...{ store: opened, room },
    async [Symbol.asyncDispose]() {
      await room.stop();
      await opened.stop();
    },
  };
}

/** The delivery of an end, once it has ended itself. */
function ended(room: Commands, count = 1) {
  return eventually(async () => {
    const { items } = await room.list({ taskType: 'millrace.webhook' });
    assert.equal(items.filter((item) => isTerminal(item.status)).length, count);
    return items;
  });
}

describe('a webhook', () => {
  it('tells every way to end, once, signed, with type and correlation', async () => {
    await using receiver = await new Receiver().listen();
    await using env = await startRoom();
    const { room } = env;
    const callbackUrl = receiver.url;
    await room.submit({ taskId: 'busy', taskType: 'held' });
    for (const taskType of ['fine', 'half', 'wrong']) {
      await room.submit({ taskId: taskType, taskType, callbackUrl, correlationId: 'c-1' });
    }
    await room.submit({ taskId: 'cancelled', taskType: 'held', callbackUrl });
    const expiresAt = systemClock.now() + 30;
    const limited = { taskId: 'expired', taskType: 'held', callbackUrl };
    await room.submit({ ...limited, expiresAt: new Date(expiresAt).toISOString() });
    await room.submit({ taskId: 'silent', taskType: 'fine' });
    await room.cancel('cancelled');
    await eventually(() => assert.equal(receiver.deliveries.length, 5));
    const statuses = new Map(receiver.outcomes().map((outcome) => [outcome.taskId, outcome.status]));
    assert.deepEqual(Object.fromEntries(statuses), {
      ...{ fine: 'SUCCESS', half: 'PARTIAL_SUCCESS', wrong: 'FAILURE', cancelled: 'CANCELLED', expired: 'EXPIRED' },
    });
    const fine = receiver.outcomes().find(({ taskId }) => taskId === 'fine');
    assert.deepEqual([fine?.result, fine?.taskType, fine?.correlationId], [{ answer: 42 }, 'fine', 'c-1']);
    for (const { headers, body } of receiver.deliveries) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const expected = createHmac('sha256', 'a secret of the tests').update(signed).digest('base64');
      assert.equal(headers['webhook-signature'], `v1,${expected}`);
      assert.equal(headers['content-type'], 'application/json');
    }
    await room.cancel('busy');
    held.resolve();
    assert.equal(receiver.deliveries.length, 5);
  });

  it('tells each run of a command', async () => {
    await using receiver = await new Receiver().listen();
    await using env = await startRoom();
    await env.room.submit({ taskId: 'twice', taskType: 'wrong', callbackUrl: receiver.url });
    await eventually(() => assert.equal(receiver.deliveries.length, 1));
    await env.room.retry('twice');
    await eventually(() => assert.equal(receiver.deliveries.length, 2));
    const ids = receiver.deliveries.map(({ headers }) => headers['webhook-id']);
    assert.equal(new Set(ids).size, 2);
  });

  it('survives a crash between the end and its delivery, also when the command was run again since', async () => {
    await using receiver = await new Receiver().listen();
    const store = createMemoryStore({ schemas: [commandsSchema] });
    const first = await startRoom({}, deafTo(store, 'millrace.webhook'));
    await first.room.submit({ taskId: 'a', taskType: 'fine', callbackUrl: receiver.url });
    await first.room.submit({ taskId: 'b', taskType: 'wrong', callbackUrl: receiver.url });
    await first.room.waitForOutcome('a', { waitMs: 5_000 });
    await first.room.waitForOutcome('b', { waitMs: 5_000 });
    await first.room.retry('b');
    await first.room.waitForOutcome('b', { waitMs: 5_000 });
    await first.room.stop();
    assert.equal(receiver.deliveries.length, 0);
    await using second = await startRoom({}, store);
    await eventually(() => assert.equal(receiver.deliveries.length, 3));
    await ended(second.room, 3);
    assert.deepEqual(await store.query('SELECT * FROM command_callbacks'), []);
    assert.deepEqual(
      receiver
        .outcomes()
        .map(({ taskId }) => taskId)
        .sort(),
      ['a', 'b', 'b'],
    );
  });

  it('is sent unsigned without a secret, and never by callers themselves', async () => {
    await using receiver = await new Receiver().listen();
    await using env = await startRoom({ webhookSecret: undefined });
    await env.room.submit({ taskType: 'fine', callbackUrl: receiver.url });
    await eventually(() => assert.equal(receiver.deliveries.length, 1));
    assert.equal(receiver.deliveries[0]?.headers['webhook-signature'], undefined);
    const forged = { taskType: 'millrace.webhook', payload: { url: receiver.url, body: '{}' } };
    await assert.rejects(env.room.submit(forged), { code: 'UNKNOWN_TASK_TYPE' });
  });

  it('is refused at submission for an address that must not be called', async () => {
    await using env = await startRoom({ allowPrivateCallbacks: [] });
    const submitted = env.room.submit({ taskType: 'fine', callbackUrl: 'http://127.0.0.1:1/' });
    await assert.rejects(submitted, (error: { details: object }) => {
      assert.equal((error.details as { pointer: string }).pointer, '/callbackUrl');
      return true;
    });
  });
});

describe('a receiver that fails', () => {
  const cases: { name: string; answer: Answer; attempts: number; status: string }[] = [
    {
      name: 'twice with 500 is tried a third time',
      answer: (response, count) => response.writeHead(count < 3 ? 500 : 204).end(),
      ...{ attempts: 3, status: 'SUCCESS' },
    },
    {
      name: 'always with 500 is given up after eight attempts',
      answer: (response) => response.writeHead(500).end('broken'),
      ...{ attempts: 8, status: 'FAILURE' },
    },
    {
      name: 'with 410 is given up at once',
      answer: (response) => response.writeHead(410).end(),
      ...{ attempts: 1, status: 'FAILURE' },
    },
    {
      name: 'with 400 is given up after three attempts',
      answer: (response) => response.writeHead(400).end(),
      ...{ attempts: 3, status: 'FAILURE' },
    },
    {
      name: 'with a redirect is not followed to where it points',
      answer: (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      ...{ attempts: 3, status: 'FAILURE' },
    },
    {
      name: 'with Retry-After is tried again when it says',
      answer: (response, count) => response.writeHead(count === 1 ? 503 : 200, { 'retry-after': '1' }).end(),
      ...{ attempts: 2, status: 'SUCCESS' },
    },
    {
      name: 'by an endless answer has delivered once its status says so',
      answer: (response) => {
        response.on('error', () => {});
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(16_384)));
        };
        response.on('drain', more);
        more();
      },
      ...{ attempts: 1, status: 'SUCCESS' },
    },
  ];
  for (const { name, answer, attempts, status } of cases) {
    it(name, async () => {
      await using receiver = await new Receiver(answer).listen();
      await using env = await startRoom();
      await env.room.submit({ taskType: 'fine', callbackUrl: receiver.url });
      const [delivery] = await ended(env.room);
      assert.equal(delivery?.status, status);
      assert.equal(receiver.deliveries.length, attempts);
      const bodies = new Set(receiver.deliveries.map(({ body }) => body));
      assert.equal(bodies.size, 1, 'every attempt sends the same bytes');
    });
  }

  it('by never answering is a failure after the timeout', async () => {
    await using receiver = await new Receiver(() => {}).listen();
    const guard = createUrlGuard({ allowPrivate: ['127.0.0.1'] });
    const delivery = new WebhookDelivery({ clock: systemClock, guard, secret: undefined, answerTimeoutMs: 50 });
    await assert.rejects(call(delivery, receiver.url), /did not answer in time/);
    await delivery.stop();
  });

  it('by a name that leads to a private address is never called', async () => {
    await using receiver = await new Receiver().listen();
    const lookup = (_: string, __: unknown, callback: (error: null, found: unknown[]) => void) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const guard = createUrlGuard({ lookup: lookup as never });
    const delivery = new WebhookDelivery({ clock: systemClock, guard, secret: undefined });
    const url = receiver.url.replace('127.0.0.1', 'receiver.example');
    await assert.rejects(call(delivery, url), { name: 'Unrecoverable' });
    assert.equal(receiver.deliveries.length, 0);
    await delivery.stop();
  });
});

async function call(delivery: WebhookDelivery, url: string): Promise<unknown> {
  const { handler } = delivery.definition();
  assert.ok(typeof handler === 'function');
  const command = { taskId: 'd', payload: { url, body: '{}' }, createdAt: new Date(systemClock.now()) };
  return handler(command as never, { attempt: 1, signal: new AbortController().signal } as never);
}

/** The same store, but departures that bring commands of this type never reach it: the process died before. */
function deafTo(store: Store, taskType: string): Store {
  return new Proxy(store, {
    get(target, property) {
      if (property === 'write') {
        return (procedure: { name: string }, args: { arrivals?: { command: { taskType: string } }[] }) =>
          args.arrivals?.some(({ command }) => command.taskType === taskType)
            ? Promise.reject(new Error('died'))
            : target.write(procedure as never, args);
      }
      const value = target[property as keyof Store] as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
