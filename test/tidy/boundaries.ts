import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import {
  type CodeFile,
  isInside,
  isTooling,
  type Repository,
  type Rule,
  type Violation,
  type Workspace,
} from './repository.ts';
import { stringsOf } from './syntax.ts';

const ROOMS = ['commands', 'assistant', 'collector', 'agents', 'observability', 'scheduling'];

/** Which packages of ours each package may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kit: [],
  engines: ['kit'],
  http: ['kit'],
  mesh: ['kit'],
  client: ['kit', 'mesh'],
  testkit: ['kit', 'engines', 'client'],
  server: ['kit', 'engines', 'http', 'mesh', 'client', ...ROOMS],
  ...Object.fromEntries(ROOMS.map((room) => [room, ['kit', 'engines', 'http', 'mesh']])),
};

/** Imports run down the layers, and rooms never import each other. */
export const layers: Rule = ({ code, workspaces }) => {
  const violations: Violation[] = [];
  for (const { file, specifier, line } of importsOf(code)) {
    const target = workspaces.find((workspace) => workspace.name === packageOf(specifier));
    const from = shortName(file.workspace);
    if (target === undefined || target === file.workspace || !(from in MAY_IMPORT)) continue;
    const to = shortName(target);
    if (MAY_IMPORT[from]?.includes(to) || (file.isTest && to === 'testkit')) continue;
    violations.push({
      path: file.path,
      line,
      problem: `${from} imports ${to}`,
      instead: 'Imports run down the layers only: declare a small port in ports.ts and let apps/server supply it.',
    });
  }
  return violations;
};

/**
 * A package is crossed only through its `exports`. Scripts may look inside, because they generate from the inside; bench
 * and load are installed apart and reach a package's index by its path.
 */
export const packageWalls: Rule = ({ code, workspaces }) => {
  const violations: Violation[] = [];
  for (const { file, specifier, line } of importsOf(code)) {
    if (file.path.startsWith('scripts/')) continue;
    if (specifier.startsWith('.')) {
      const target = resolveRelative(file.path, specifier);
      const owner = workspaces.find((workspace) => isInside(target, workspace.directory));
      if (owner === undefined || owner.directory === file.workspace.directory) continue;
      if (isTooling(file.path) && target === `${owner.directory}/src/index.ts`) continue;
      violations.push({
        path: file.path,
        line,
        problem: `'${specifier}' reaches into ${owner.name}`,
        instead: `Import from '${owner.name}'; if the name is missing there, export it from its index.ts.`,
      });
      continue;
    }
    const target = workspaces.find((workspace) => workspace.name === packageOf(specifier));
    const key = `.${specifier.slice(packageOf(specifier).length)}`;
    if (target === undefined || target.directory === '' || target.exports.includes(key)) continue;
    violations.push({
      path: file.path,
      line,
      problem: `'${specifier}' is not among the exports of ${target.name}`,
      instead: `Import one of: ${target.exports.join(', ')}.`,
    });
  }
  return violations;
};

/** What is imported is declared; tests and tools may use the root's devDependencies too. */
export const declaredDependencies: Rule = ({ code, workspaces }) => {
  const root = workspaces.find((workspace) => workspace.directory === '');
  const violations: Violation[] = [];
  for (const { file, specifier, line } of importsOf(code)) {
    const name = packageOf(specifier);
    if (specifier.startsWith('.') || specifier.startsWith('node:') || name === file.workspace.name) continue;
    if (isBuiltin(specifier) || isOfK6(file, name)) continue;
    const own = workspaces.some((workspace) => workspace.name === name);
    if (file.workspace.directory === '' && own) continue;
    const loose = file.isTest || isTooling(file.path);
    const allowed = [...file.workspace.dependencies, ...(loose ? file.workspace.devDependencies : [])];
    if (allowed.includes(name) || (loose && root?.devDependencies.includes(name))) continue;
    if (file.isTest && name === '@millrace/testkit') continue;
    violations.push({
      path: file.path,
      line,
      problem: `'${name}' is not a dependency of ${file.workspace.name || 'the root package'}`,
      instead: `Add it with npm i -w ${file.workspace.name} ${name}, and say why in docs/decisions/.`,
    });
  }
  return violations;
};

/** What is declared is used. Packages whose source does not exist yet are left alone. */
export const usedDependencies: Rule = ({ code, workspaces }) => {
  const violations: Violation[] = [];
  for (const workspace of workspaces) {
    const files = code.filter((file) => file.workspace === workspace && !file.isTest);
    if (!/^(packages|apps)\//.test(workspace.directory) || files.length === 0) continue;
    const used = new Set(importsOf(files).map(({ specifier }) => packageOf(specifier)));
    for (const name of workspace.dependencies) {
      if (used.has(name)) continue;
      violations.push({
        path: `${workspace.directory}/package.json`,
        problem: `'${name}' is declared but nothing in src/ imports it`,
        instead: `Remove it: npm rm -w ${workspace.name} ${name}.`,
      });
    }
  }
  return violations;
};

/** No file imports itself by way of others, types included: a cycle means that two files are one. */
export const noCycles: Rule = ({ code }) => {
  const edges = new Map(code.map((file) => [file.path, relativeTargets(file)]));
  const violations: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      const cycle = [...trail.slice(trail.indexOf(path)), path];
      violations.push({
        path,
        problem: `import cycle ${cycle.join(' → ')}`,
        instead: 'Move what both need into a file of its own.',
      });
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return violations;
};

const SQL = /^\s*(?:--.*\n\s*)*(select|insert|update|delete|replace|with|create|alter|drop)\b/i;
const CREATED = /\bcreate\s+(?:virtual\s+)?table\s+(?:if\s+not\s+exists\s+)?["']?(\w+)/gi;
const TOUCHED = /\b(?:from|join|into|update|table|on)\s+(?:if\s+(?:not\s+)?exists\s+)?["']?(\w+)/gi;

/** A table is touched only by SQL of the package whose migrations create it; tests may look. */
export const ownTables: Rule = ({ code }) => {
  const statements = code
    .filter((file) => /^(packages|apps)\//.test(file.path) && !file.isTest)
    .flatMap((file) => stringsOf(file.syntax).map((string) => ({ file, ...string })))
    .filter(({ text }) => SQL.test(text));
  const owners = new Map<string, Workspace>();
  for (const { file, text } of statements) {
    for (const match of text.matchAll(CREATED)) owners.set(String(match[1]), file.workspace);
  }
  const violations: Violation[] = [];
  for (const { file, text, line } of statements) {
    for (const match of text.matchAll(TOUCHED)) {
      const owner = owners.get(String(match[1]));
      if (owner === undefined || owner === file.workspace) continue;
      violations.push({
        path: file.path,
        line,
        problem: `SQL of ${file.workspace.name} touches table ${match[1]} of ${owner.name}`,
        instead: `Ask ${owner.name} through its façade, by a port that apps/server supplies.`,
      });
    }
  }
  return violations;
};

/** A runtime dependency is a decision: what it saves, its size, who keeps it. */
export const decidedDependencies: Rule = ({ workspaces, texts }) => {
  const notes = [...texts].filter(([path]) => /^docs\/decisions\/.*\.md$/.test(path)).map(([, text]) => text);
  const ours = new Set(workspaces.map((workspace) => workspace.name));
  const violations: Violation[] = [];
  for (const workspace of workspaces.filter(({ directory }) => /^(packages|apps)\//.test(directory))) {
    for (const name of workspace.dependencies) {
      if (ours.has(name) || notes.some((note) => note.includes(`\`${name}\``))) continue;
      violations.push({
        path: `${workspace.directory}/package.json`,
        problem: `no note in docs/decisions/ mentions \`${name}\``,
        instead: 'Add a line to docs/decisions/0001-runtime-dependencies.md: what it saves, its size, who keeps it.',
      });
    }
  }
  return violations;
};

/** k6 is a program with modules of its own inside. */
function isOfK6(file: CodeFile, name: string): boolean {
  return file.path.startsWith('load/') && name === 'k6';
}

interface LocatedImport {
  readonly file: CodeFile;
  readonly specifier: string;
  readonly line: number;
}

function importsOf(code: Repository['code']): LocatedImport[] {
  return code.flatMap((file) => file.syntax.imports.map((found) => ({ file, ...found })));
}

function relativeTargets(file: CodeFile): string[] {
  const relative = file.syntax.imports.filter(({ specifier }) => specifier.startsWith('.'));
  return relative.map(({ specifier }) => resolveRelative(file.path, specifier));
}

function resolveRelative(path: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(path), specifier));
}

/** `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `packages/kit` → `kit`. */
function shortName(workspace: Workspace): string {
  return workspace.directory.split('/').at(-1) ?? '';
}
