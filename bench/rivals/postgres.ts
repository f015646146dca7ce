import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import {
  findProgram,
  freePort,
  runProgram,
  startServer,
  stopServer,
  tempDir,
  untilReady,
} from '../harness/processes.ts';

const DEBIAN_HOME = '/usr/lib/postgresql';

/** Debian keeps the server's programs out of PATH, one directory a major version; the newest is taken. */
function findInDebian(name: string): string | undefined {
  let versions: string[] = [];
  try {
    versions = readdirSync(DEBIAN_HOME).sort((a, b) => Number(b) - Number(a));
  } catch {
    return undefined;
  }
  return findProgram(
    name,
    versions.map((version) => join(DEBIAN_HOME, version, 'bin')),
  );
}

export function postgresMissing(): string | undefined {
  return findInDebian('initdb') === undefined ? 'PostgreSQL (initdb) is not installed' : undefined;
}

export interface PostgresServer {
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** What anyone sets on a small machine; durability stays at its default: fsync and synchronous_commit on. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  fsync: 'on',
  synchronous_commit: 'on',
};

/** PostgreSQL refuses to run as root: there it runs as the user that Debian's package makes. */
async function serverUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([runProgram('id', ['-u', 'postgres']), runProgram('id', ['-g', 'postgres'])]);
  return { uid: Number(uid), gid: Number(gid) };
}

export async function startPostgres(): Promise<PostgresServer> {
  const dir = tempDir('postgres');
  const user = await serverUser();
  if (user !== undefined) chownSync(dir.path, user.uid, user.gid);
  const options = { cwd: dir.path, ...user };
  const data = join(dir.path, 'data');
  const initArgs = ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale'];
  await runProgram(findInDebian('initdb') ?? 'initdb', initArgs, options);
  const port = await freePort();
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = startServer(
    findInDebian('postgres') ?? 'postgres',
    ['-D', data, '-p', `${port}`, ...settings],
    options,
  );
  const connectionString = `postgres://bench@127.0.0.1:${port}/postgres`;
  await untilReady(child, () => answersQuery(connectionString));
  const version = (await query(connectionString, 'show server_version')) ?? 'unknown';
  return {
    port,
    pid: child.pid ?? 0,
    version,
    connectionString,
    stop: async () => {
      // SIGQUIT: the immediate stop; the directory is deleted anyway.
      await stopServer(child, 'SIGQUIT');
      dir.remove();
    },
  };
}

async function query(connectionString: string, sql: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version?: string }>(sql);
    return rows[0]?.server_version;
  } finally {
    await client.end();
  }
}

async function answersQuery(connectionString: string): Promise<boolean> {
  await query(connectionString, 'select 1');
  return true;
}
