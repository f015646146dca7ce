import { isTooling, type Rule, type Violation } from './repository.ts';
import { isIdentifier, isNode, lineOf, walk } from './syntax.ts';

const PREPACK = 'node ../../scripts/prepack.ts';
const POSTPACK = 'node ../../scripts/postpack.ts';

interface Manifest {
  readonly version?: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Every published package is built, licensed and versioned alike. */
export const alikeManifests: Rule = ({ workspaces, texts }) => {
  const manifests = workspaces
    .filter(({ directory }) => /^(packages|apps)\//.test(directory))
    .map(({ directory }) => `${directory}/package.json`)
    .map((path) => ({ path, manifest: JSON.parse(texts.get(path) ?? '{}') as Manifest }));
  const versions = new Set(manifests.map(({ manifest }) => manifest.version));
  return manifests
    .filter(({ manifest }) => manifest.private !== true)
    .flatMap(({ path, manifest }) => faultsOf(manifest, versions).map((fault) => ({ path, ...fault })));
};

type Fault = Omit<Violation, 'path'>;

function faultsOf(manifest: Manifest, versions: ReadonlySet<unknown>): Fault[] {
  const ours = Object.entries(manifest.dependencies ?? {}).filter(([name]) => name.startsWith('@millrace/'));
  const sources = Object.values(manifest.exports ?? {});
  const checks: readonly (readonly [boolean, string, string])[] = [
    [manifest.engines?.node === '>=24', 'engines.node is not >=24', 'Set it: 24 is the oldest Node that we test.'],
    [manifest.license === 'MIT', 'license is not MIT', 'Set "license": "MIT".'],
    [manifest.type === 'module', 'type is not module', 'Set "type": "module".'],
    [manifest.scripts?.prepack === PREPACK, 'no prepack', `Set "prepack": "${PREPACK}".`],
    [manifest.scripts?.postpack === POSTPACK, 'no postpack', `Set "postpack": "${POSTPACK}".`],
    [manifest.files?.includes('dist') === true, 'dist is not among the files', 'Set "files": ["dist", "README.md"].'],
    [sources.every((source) => /^\.\/src\/.*\.ts$/.test(source)), 'exports something odd', 'Export ./src/….ts files.'],
    [versions.size === 1, 'versions of the packages differ', 'All packages carry one version.'],
    [ours.every(([, range]) => versions.has(range)), 'a package of ours at another version', 'Name its exact version.'],
  ];
  return checks.filter(([holds]) => !holds).map(([, problem, instead]) => ({ problem, instead }));
}

/** The compiler rewrites imports, not URLs: a module named by URL would be missing from the tarball. */
export const packableUrls: Rule = ({ code }) => {
  const violations: Violation[] = [];
  for (const file of code.filter(({ path, isTest }) => !isTest && !isTooling(path))) {
    walk(file.syntax.program, (node) => {
      if (node.type !== 'NewExpression' || !isIdentifier(node.callee, 'URL')) return;
      const first = (node.arguments as readonly unknown[])[0];
      if (!isNode(first) || !/^\.{1,2}\/.*\.ts$/.test(String(first.value))) return;
      violations.push({
        path: file.path,
        line: lineOf(node),
        problem: `names ${String(first.value)} by URL, which is .js once packed`,
        instead: "Use new URL(import.meta.url.endsWith('.ts') ? './x.ts' : './x.js', import.meta.url).",
      });
    });
  }
  return violations;
};
