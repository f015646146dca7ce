import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { CliContext } from './context.ts';
import { runCli } from './program.ts';

/** Runs the command line of this process and leaves its exit code behind. The one place that reads the environment. */
export async function runProcess(): Promise<void> {
  process.stdout.on('error', exitOnClosedPipe);
  const context: CliContext = {
    env: process.env,
    dotEnv: readDotEnv(process.cwd()),
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  };
  process.exitCode = await runCli(process.argv.slice(2), context);
}

/** `millrace list | head` is no failure. */
function exitOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}

function readDotEnv(cwd: string): CliContext['dotEnv'] {
  try {
    return parseEnv(readFileSync(join(cwd, '.env'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
