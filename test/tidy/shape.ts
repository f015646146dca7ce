import { homedir, tmpdir } from 'node:os';
import { basename } from 'node:path';
import { dirname } from 'node:path/posix';
import { type CodeFile, isTooling, type Rule, type Violation } from './repository.ts';
import { isIdentifier, isMember, isNode, lineOf, linesOf, type SyntaxNode, walk } from './syntax.ts';

export const FILE_LINES_MAX = 400;
export const TEST_FILE_LINES_MAX = 600;
export const FUNCTION_LINES_MAX = 70;
export const PARAMETERS_MAX = 3;

/** Files stay small enough to be read at a sitting. */
export const fileSize: Rule = ({ code }) =>
  code.flatMap((file) => {
    const lines = file.text.trimEnd().split('\n').length;
    const linesMax = file.isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
    if (lines <= linesMax) return [];
    const instead = 'Split it by subject: the control flow stays, pure leaves move to a file of their own.';
    return [{ path: file.path, problem: `${lines} lines, more than ${linesMax}`, instead }];
  });

/** Functions stay on one screen and, in the product, take few parameters. `describe` blocks only group. */
export const functionSize: Rule = ({ code }) => code.flatMap(oversizedFunctions);

function oversizedFunctions(file: CodeFile): Violation[] {
  const violations: Violation[] = [];
  walk(file.syntax.program, (node, parent) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return;
    if (isGrouping(parent)) return;
    const at = { path: file.path, line: lineOf(node) };
    const lines = linesOf(node);
    if (lines > FUNCTION_LINES_MAX) {
      const instead = 'Give its steps names: functions of ten lines or so.';
      violations.push({ ...at, problem: `a function of ${lines} lines, more than ${FUNCTION_LINES_MAX}`, instead });
    }
    const parameters = (node.params as readonly unknown[]).length;
    if (parameters > PARAMETERS_MAX && !file.isTest && !isTooling(file.path)) {
      const instead = 'Take one object with named fields.';
      violations.push({ ...at, problem: `${parameters} parameters, more than ${PARAMETERS_MAX}`, instead });
    }
  });
  return violations;
}

function isGrouping(parent: SyntaxNode | undefined): boolean {
  if (parent?.type !== 'CallExpression') return false;
  return ['describe', 'suite'].some((name) => isIdentifier(parent.callee, name));
}

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.(ts|js|mjs|cjs)$/;
const NAMES_NOTHING = /(^|[-/])(utils?|helpers?|common|misc|types|managers?)(\.|\/|$)/;

/** A file is named after what it exports, in kebab-case. */
export const fileNames: Rule = ({ code }) =>
  code.flatMap(({ path }) => {
    if (!KEBAB_CASE.test(basename(path))) {
      return [{ path, problem: 'is not kebab-case', instead: 'Name it after its main export: job-rescuer.ts.' }];
    }
    if (!NAMES_NOTHING.test(path)) return [];
    return [{ path, problem: 'has a name that says nothing', instead: 'Name it after what it holds: backoff.ts.' }];
  });

/** `index.ts` only names what a package gives away. */
export const thinIndexes: Rule = ({ code }) =>
  code
    .filter((file) => basename(file.path) === 'index.ts')
    .flatMap((file) => {
      const logic = (file.syntax.program.body as readonly SyntaxNode[]).find((statement) => !isReExport(statement));
      if (logic === undefined) return [];
      const instead = 'Move it into a file named after it and re-export it.';
      return [{ path: file.path, line: lineOf(logic), problem: 'index.ts holds logic', instead }];
    });

function isReExport(statement: SyntaxNode): boolean {
  if (statement.type === 'ImportDeclaration' || statement.type === 'ExportAllDeclaration') return true;
  return statement.type === 'ExportNamedDeclaration' && !isNode(statement.declaration);
}

/** Names are exported, never defaults; k6 and Artillery demand theirs in `load/`. */
export const noDefaultExports: Rule = ({ code }) =>
  code
    .filter((file) => !file.path.startsWith('load/'))
    .flatMap((file) => {
      const found = (file.syntax.program.body as readonly SyntaxNode[]).find(
        (statement) => statement.type === 'ExportDefaultDeclaration',
      );
      if (found === undefined) return [];
      return [{ path: file.path, line: lineOf(found), problem: 'a default export', instead: 'Export it by name.' }];
    });

/** Modules keep no state that changes: two instances in one process must not meet. */
export const noModuleState: Rule = ({ code }) =>
  code
    .filter((file) => !file.isTest && !isTooling(file.path))
    .flatMap((file) =>
      (file.syntax.program.body as readonly SyntaxNode[])
        .map((statement) => (isNode(statement.declaration) ? statement.declaration : statement))
        .filter((statement) => statement.type === 'VariableDeclaration' && statement.kind === 'let')
        .map((statement) => ({
          path: file.path,
          line: lineOf(statement),
          problem: 'mutable module state',
          instead: 'Keep it in the instance that a factory function returns.',
        })),
    );

/** Tests run whole: nothing is focused, and what cannot run says why in the option `skip`. */
export const wholeTests: Rule = ({ code }) => {
  const violations: Violation[] = [];
  for (const file of code.filter((each) => each.isTest)) {
    walk(file.syntax.program, (node) => {
      if (node.type !== 'CallExpression') return;
      for (const runner of ['test', 'it', 'describe', 'suite']) {
        for (const property of ['only', 'skip', 'todo']) {
          if (!isMember(node.callee, runner, property)) continue;
          const instead = 'Remove it; where a program is missing pass { skip: requireOrSkip(name).skip }.';
          violations.push({ path: file.path, line: lineOf(node), problem: `${runner}.${property}`, instead });
        }
      }
    });
  }
  return violations;
};

const UNFINISHED = /\b(TODO|FIXME|XXX|HACK)\b/;

/** Unfinished work is an issue, not a comment. */
export const finishedComments: Rule = ({ code }) =>
  code
    .filter((file) => !file.path.startsWith('test/tidy'))
    .flatMap((file) =>
      file.syntax.comments
        .filter((comment) => UNFINISHED.test(comment.value) && !/#\d+/.test(comment.value))
        .map((comment) => ({
          path: file.path,
          line: comment.loc?.start.line ?? 0,
          problem: 'unfinished work in a comment',
          instead: 'Do it now, or open an issue and name its number (#12).',
        })),
    );

/** No file names a directory of the machine that it was written on. */
export function noMachinePaths(root: string): Rule {
  const places = [root, dirname(root), homedir()].filter((place) => !isEverywhere(place));
  const patterns = [...places.map((place) => new RegExp(`(?<![\\w.@-])${RegExp.escape(place)}(/|\\b)`)), HOME_PATH];
  return ({ texts }) => {
    const violations: Violation[] = [];
    for (const [path, text] of texts) {
      for (const [index, line] of text.split('\n').entries()) {
        if (!patterns.some((pattern) => pattern.test(line))) continue;
        const instead = 'Make it relative to the repository, or a temporary directory.';
        violations.push({ path, line: index + 1, problem: 'a path of one machine', instead });
      }
    }
    return violations;
  };
}

const HOME_PATH = /(?<![\w.@-])\/(home|Users)\/(?!user\b|me\b|node\b)\w+/;

/** Directories that exist on every machine say nothing about one. */
function isEverywhere(path: string): boolean {
  return (
    path === '/' || path === tmpdir() || path === '/tmp' || path === '/root' || path === '/app' || path === '/home'
  );
}
