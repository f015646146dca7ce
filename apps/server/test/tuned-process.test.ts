import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TunableProcess, tuneProcess } from '../src/tuned-process.ts';

class Replaced extends Error {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    super('replaced');
    this.args = args;
    this.env = env;
  }
}

function processWith(more: Partial<TunableProcess>): TunableProcess {
  return {
    version: 'v26.10.0',
    execPath: '/bin/node',
    execArgv: [],
    argv: ['/bin/node', '/app/bin.js', 'start', '--port', '1'],
    env: { HOME: 'ada' },
    platform: 'linux',
    execve: (_file, args, env) => {
      throw new Replaced(args, env);
    },
    ...more,
  };
}

function replacementOf(more: Partial<TunableProcess>): Replaced {
  try {
    tuneProcess(processWith(more));
  } catch (error) {
    if (error instanceof Replaced) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: 'the process was not replaced' });
}

test('the process is replaced by one with a small young generation, keeping script and arguments', () => {
  const { args, env } = replacementOf({ execArgv: ['--enable-source-maps'] });
  assert.deepEqual(args, [
    '/bin/node',
    '--enable-source-maps',
    '--max-semi-space-size=4',
    '--heap-growing-percent=20',
    '/app/bin.js',
    'start',
    '--port',
    '1',
  ]);
  assert.equal(env.MALLOC_ARENA_MAX, '2');
  assert.match(env.NODE_COMPILE_CACHE ?? '', /millrace$/);
});

test('what the user set stays', () => {
  const { env } = replacementOf({ env: { MALLOC_ARENA_MAX: '8', NODE_COMPILE_CACHE: '/cache' } });
  assert.equal(env.MALLOC_ARENA_MAX, '8');
  assert.equal(env.NODE_COMPILE_CACHE, '/cache');
});

test('it happens once, and not where Node cannot', () => {
  tuneProcess(processWith({ execArgv: ['--max-semi-space-size=4'] }));
  tuneProcess(processWith({ env: { NODE_OPTIONS: '--max-semi-space-size=16' } }));
  tuneProcess(processWith({ platform: 'win32' }));
  tuneProcess(processWith({ version: 'v99.0.0' }));
  tuneProcess(processWith({ execve: undefined }));
});
