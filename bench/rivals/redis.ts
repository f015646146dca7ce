import {
  answersTcp,
  findProgram,
  freePort,
  runProgram,
  startServer,
  stopServer,
  tempDir,
  untilReady,
} from '../harness/processes.ts';

export type Fsync = 'everysec' | 'always';

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  stop(): Promise<void>;
}

export function redisMissing(): string | undefined {
  return findProgram('redis-server') === undefined ? 'redis-server is not installed' : undefined;
}

/** Starts a Redis of our own with an append-only file, nothing else written, nothing evicted. */
export async function startRedis(fsync: Fsync): Promise<RedisServer> {
  const dir = tempDir('redis');
  const port = await freePort();
  const settings = ['--appendonly', 'yes', '--appendfsync', fsync, '--save', '', '--maxmemory-policy', 'noeviction'];
  const child = startServer('redis-server', [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    dir.path,
    ...settings,
  ]);
  await untilReady(child, () => answersTcp(port));
  const version = /v=(\S+)/.exec(await runProgram('redis-server', ['--version']))?.[1] ?? 'unknown';
  return {
    port,
    pid: child.pid ?? 0,
    version,
    stop: async () => {
      await stopServer(child, 'SIGKILL');
      dir.remove();
    },
  };
}
