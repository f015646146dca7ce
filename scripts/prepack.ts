import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * `prepack` of every published workspace: Node strips no types under node_modules, so the tarball ships JavaScript and
 * declarations. Builds `src/` into `dist/` and writes the manifest that points there; `postpack` puts the old one back.
 */
const workspace = process.cwd();
const root = dirname(dirname(workspace));
const dist = join(workspace, 'dist');
const built = join(dist, '.build');

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
compile();
cpSync(join(built, relative(root, workspace), 'src'), dist, { recursive: true });
rmSync(built, { recursive: true });
copyAssets();
copyFileSync(join(root, 'LICENSE'), join(workspace, 'LICENSE'));
publishManifest();

/** The compiler also sees the packages that this one imports; only what lies under our own `src/` is kept. */
function compile(): void {
  const config = join(dist, 'tsconfig.json');
  const compilerOptions = {
    rootDir: root,
    outDir: built,
    noEmit: false,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    stripInternal: true,
  };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [join(workspace, 'src')] }),
  );
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: 'inherit' });
  rmSync(config);
}

/** Pages, texts and whatever else lies beside the code; and what the demo reads, which lies among the examples. */
function copyAssets(): void {
  cpSync(join(workspace, 'src'), dist, {
    recursive: true,
    filter: (source) => statSync(source).isDirectory() || !source.endsWith('.ts'),
  });
  const demo = join(dist, 'demo');
  if (existsSync(demo)) cpSync(join(root, 'examples/texts'), join(demo, 'texts'), { recursive: true });
}

interface Manifest {
  exports?: Record<string, string>;
  bin?: Record<string, string>;
  scripts?: unknown;
  devDependencies?: unknown;
}

function publishManifest(): void {
  const path = join(workspace, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  const { scripts: _scripts, devDependencies: _devDependencies, ...kept } = manifest;
  const published = {
    ...kept,
    exports: Object.fromEntries(
      Object.entries(manifest.exports ?? {}).map(([key, source]) => [
        key,
        { types: inDist(source, '.d.ts'), default: inDist(source, '.js') },
      ]),
    ),
    ...(manifest.bin && {
      bin: Object.fromEntries(Object.entries(manifest.bin).map(([name, source]) => [name, inDist(source, '.js')])),
    }),
  };
  renameSync(path, join(workspace, 'package.json.checkout'));
  writeFileSync(path, `${JSON.stringify(published, null, 2)}\n`);
}

/** `./src/store/index.ts` → `./dist/store/index.js`, which must have been built. */
function inDist(source: string, extension: string): string {
  const target = source.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, extension);
  if (!existsSync(join(workspace, target))) throw new Error(`package.json names ${source}, but there is no ${target}.`);
  return target;
}
