import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startProcess, tempDir } from '@millrace/testkit';

/**
 * Does what a stranger does: installs the tarballs of all published packages into an empty project, type-checks a
 * program against them, starts `millrace` there on Node 26 and on Node 24, submits a command, reads its result, stops, and
 * runs a small demo, which needs what lies beside the code: texts, a module for threads, the page. An older Node is refused.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const READY_WITHIN_MS = 30_000;
/** The fewest with every kind of command among them. */
const DEMO_COMMANDS = '200';

const PROGRAM = `import { defineCommand } from 'millrace';
export const greet = defineCommand({
  type: 'GREET',
  payload: { '~standard': { version: 1, vendor: 'none', validate: (value: unknown) => ({ value }) } },
  handler: async () => ({ greeting: 'hello' }),
});
`;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
}

const workspaces = ['packages', 'apps']
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
  .filter((directory) => existsSync(join(directory, 'package.json')) && existsSync(join(directory, 'src')));
const published = workspaces.map(manifestOf).filter((manifest) => manifest.private !== true);
const version = published.find(({ name }) => name === 'millrace')?.version;
if (version === undefined) throw new Error('apps/server has no source: there is nothing to try.');

await using packed = await tempDir('millrace-packed-');
await using project = await tempDir('millrace-project-');
pack();
install();
typeCheck();
for (const node of [process.execPath, nodeOfMajor(24)]) {
  await tryProgram(node);
}
refuseOldNode(nodeOfMajor(22));

function manifestOf(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

function pack(): void {
  const which = published.flatMap(({ name }) => ['--workspace', name]);
  npm(root, 'pack', ...which, '--pack-destination', packed.path, '--silent');
}

function install(): void {
  writeFileSync(project.join('package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  const tarballs = readdirSync(packed.path).map((file) => packed.join(file));
  assert.equal(tarballs.length, published.length, 'one tarball a package');
  npm(project.path, 'install', '--no-audit', '--no-fund', '--silent', ...tarballs);
  console.log(`${tarballs.length} tarballs installed into an empty project`);
}

/** Our compiler, their packages: the declarations in the tarballs must be enough. */
function typeCheck(): void {
  writeFileSync(project.join('program.ts'), PROGRAM);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'esnext',
    skipLibCheck: true,
    types: [],
  };
  writeFileSync(project.join('tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', project.path], { stdio: 'inherit' });
  console.log('a program type-checks against the declarations');
}

/** The path of a Node of that major, fetched by npx. */
function nodeOfMajor(major: number): string {
  const args = ['--yes', '--package', `node@${major}`, '--call', 'command -v node'];
  return execFileSync('npx', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

async function tryProgram(node: string): Promise<void> {
  const nodeVersion = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const bin = project.join('node_modules', '.bin', 'millrace');
  const printed = execFileSync(node, [bin, '--version'], { cwd: project.path, encoding: 'utf8' });
  assert.match(printed, new RegExp(RegExp.escape(String(version))));

  await using data = await tempDir('millrace-data-');
  const port = await freePort();
  await using server = await startProcess({
    command: node,
    args: [bin, 'start', '--port', String(port), '--data', data.path],
    cwd: project.path,
    readyWhen: new URL(`http://127.0.0.1:${port}/health/ready`),
    readyWithinMs: READY_WITHIN_MS,
  });
  await submitAndRead(`http://127.0.0.1:${port}`);
  assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.output());
  const demo = [bin, 'demo', '--exit', '--commands', DEMO_COMMANDS];
  execFileSync(node, demo, { cwd: project.path, stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(`millrace ${version} from its tarball on Node ${nodeVersion}: command done, clean stop, demo passed`);
}

/** The last line that somebody with an old Node reads must be ours. */
function refuseOldNode(node: string): void {
  const bin = project.join('node_modules', '.bin', 'millrace');
  const { status, stderr } = spawnSync(node, [bin, 'start'], { cwd: project.path, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^Millrace needs Node 24 or newer; this is Node 22\.[\d.]+\.\n$/);
  console.log('an older Node is told so in one line');
}

interface CommandAnswer {
  readonly status: string;
  readonly result: { readonly message?: unknown };
}

async function submitAndRead(url: string): Promise<void> {
  const submitted = await fetch(`${url}/command/process`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      taskId: 'packed-1',
      taskType: 'EXECUTE_ASSISTANT',
      payload: { input: 'Ada Lovelace met Charles Babbage in London on 5 June 1833. They spoke of machines.' },
    }),
  });
  const answer = (await submitted.json()) as CommandAnswer;
  assert.equal(submitted.status, 200, JSON.stringify(answer));
  assert.equal(answer.status, 'SUCCESS', JSON.stringify(answer));
  const read = (await (await fetch(`${url}/commands/packed-1`)).json()) as CommandAnswer;
  assert.equal(read.status, 'SUCCESS');
  assert.deepEqual(read.result, answer.result, 'the result is read by taskId as it was answered');
  const page = await fetch(url);
  assert.equal(page.status, 200, 'the page is in the tarball');
}

function npm(cwd: string, ...args: readonly string[]): void {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
