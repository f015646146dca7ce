import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { parseSyntax, type Syntax } from './syntax.ts';

/** A file of TypeScript or JavaScript. */
export interface CodeFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly syntax: Syntax;
  /** The package that it belongs to; the root package for `test/`, `scripts/` and `examples/`. */
  readonly workspace: Workspace;
  /** Tests, and what only tests use. */
  readonly isTest: boolean;
}

export interface Workspace {
  /** `packages/kit`; empty for the root package. */
  readonly directory: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  /** Keys of `exports`: `.`, `./store`. */
  readonly exports: readonly string[];
}

/** What someone did against a rule, and what to do instead. */
export interface Violation {
  readonly path: string;
  readonly line?: number;
  readonly problem: string;
  readonly instead: string;
}

export type Rule = (repository: Repository) => readonly Violation[];

export interface Repository {
  readonly code: readonly CodeFile[];
  readonly workspaces: readonly Workspace[];
  /** Every text file by its path, code included. */
  readonly texts: ReadonlyMap<string, string>;
}

const CODE = /\.(ts|js|mjs|cjs)$/;
const SKIPPED_DIRECTORIES = new Set(['node_modules', 'dist', '.git', 'coverage', '.millrace', 'reports']);
const TEXT = /\.(ts|js|mjs|cjs|json|md|yml|yaml|html|css|sql|sh|txt|toml)$|\/run$|^LICENSE$|\.env\.example$/;
const BYTES_MAX = 1024 * 1024;

/** Reads the checkout under `root`. */
export function loadRepository(root: string): Repository {
  const texts = new Map<string, string>();
  const visit = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      const name = relative(root, path).split(sep).join('/');
      if (entry.isDirectory() && !SKIPPED_DIRECTORIES.has(entry.name)) visit(path);
      if (!entry.isFile() || !TEXT.test(name) || statSync(path).size > BYTES_MAX) continue;
      texts.set(name, readFileSync(path, 'utf8'));
    }
  };
  visit(root);
  return createRepository(texts);
}

/** Builds the view of a repository from its files alone, so that the rules can be tried on a few lines. */
export function createRepository(texts: ReadonlyMap<string, string>): Repository {
  const workspaces: Workspace[] = [];
  for (const [path, text] of texts) {
    if (path === 'package.json' || path.endsWith('/package.json')) workspaces.push(parseWorkspace(path, text));
  }
  workspaces.sort((a, b) => b.directory.length - a.directory.length);
  const root: Workspace = { directory: '', name: '', dependencies: [], devDependencies: [], exports: [] };
  const code = [...texts]
    .filter(([path]) => CODE.test(path))
    .map(([path, text]) => ({
      path,
      text,
      syntax: parseSyntax(path, text),
      workspace: workspaces.find((workspace) => isInside(path, workspace.directory)) ?? root,
      isTest: isTestPath(path),
    }));
  return { code, workspaces, texts };
}

function parseWorkspace(path: string, text: string): Workspace {
  const manifest = JSON.parse(text) as Record<string, Record<string, unknown> | undefined> & { name?: string };
  const directory = dirname(path);
  return {
    directory: directory === '.' ? '' : directory,
    name: manifest.name ?? '',
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    exports: Object.keys(manifest.exports ?? {}),
  };
}

export function isInside(path: string, directory: string): boolean {
  return directory === '' || path.startsWith(`${directory}/`);
}

/** Programs that stand beside the product: they have a console, a clock and an environment of their own. */
export function isTooling(path: string): boolean {
  return /^(scripts|examples|bench|load|deploy|packages\/testkit)\//.test(path);
}

function isTestPath(path: string): boolean {
  return /(^|\/)test\//.test(path) || path.endsWith('.test.ts');
}
