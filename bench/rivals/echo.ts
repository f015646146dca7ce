import { fileURLToPath } from 'node:url';
import { answersHttp, freePort, startServer, stopServer, untilReady } from '../harness/processes.ts';
import { packageVersion } from './versions.ts';

const PROGRAM = fileURLToPath(new URL('./programs/echo-server.ts', import.meta.url));

export async function startEcho() {
  const port = await freePort();
  const child = startServer(process.execPath, [PROGRAM, `${port}`], { env: { NODE_ENV: 'production' } });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, () => answersHttp(`${url}/count`));
  return {
    url,
    pid: child.pid ?? 0,
    versions: { fastify: packageVersion('fastify') },
    stop: () => stopServer(child),
  };
}
