import { type CodeFile, isTooling, type Rule, type Violation } from './repository.ts';
import { isIdentifier, isMember, isNode, lineOf, type SyntaxNode, walk } from './syntax.ts';

interface Home {
  readonly what: string;
  readonly matches: (node: SyntaxNode) => boolean;
  /** The files that may, as a prefix of their path. */
  readonly homes: readonly string[];
  readonly instead: string;
}

const CLOCKS = ['packages/kit/src/clock.ts', 'packages/kit/src/foreground-clock.ts'];
const CLOCK =
  'Take a Clock in the options and ask it (now, monotonic, schedule, sleep); apps/server passes systemClock.';

const HOMES: readonly Home[] = [
  {
    what: 'process.env',
    matches: (node) => isMember(node, 'process', 'env'),
    homes: ['apps/server/src/'],
    instead: 'Take an option; apps/server/src/config.ts is where the environment is read.',
  },
  {
    what: 'console',
    matches: (node) => node.type === 'MemberExpression' && isIdentifier(node.object, 'console'),
    homes: ['apps/server/src/'],
    instead: 'Take a Logger in the options; only the command line of apps/server prints.',
  },
  {
    what: 'Date.now()',
    matches: (node) => isMember(node, 'Date', 'now'),
    homes: CLOCKS,
    instead: CLOCK,
  },
  {
    what: 'new Date()',
    matches: (node) =>
      /^(New|Call)Expression$/.test(node.type) && isIdentifier(node.callee, 'Date') && isEmptyArray(node.arguments),
    homes: CLOCKS,
    instead: CLOCK,
  },
  {
    what: 'a timer',
    matches: isTimer,
    homes: CLOCKS,
    instead: CLOCK,
  },
  {
    what: 'Math.random()',
    matches: (node) => isMember(node, 'Math', 'random'),
    homes: ['packages/kit/src/random.ts'],
    instead: 'Take `random: () => number` in the options, so that a test or the simulator can seed it.',
  },
];

/** The environment, the console, time and chance have one home each, so that the rest can be tested and simulated. */
export const homes: Rule = ({ code }) => code.filter(mustAsk).flatMap(strayUses);

function strayUses(file: CodeFile): Violation[] {
  const violations: Violation[] = [];
  walk(file.syntax.program, (node) => {
    for (const home of HOMES) {
      if (!home.matches(node) || home.homes.some((prefix) => file.path.startsWith(prefix))) continue;
      violations.push({ path: file.path, line: lineOf(node), problem: `uses ${home.what}`, instead: home.instead });
    }
  });
  return violations;
}

function mustAsk(file: CodeFile): boolean {
  return !file.isTest && !isTooling(file.path);
}

function isTimer(node: SyntaxNode): boolean {
  if (node.type === 'ImportDeclaration') {
    if (!isNode(node.source) || !/^(node:)?timers(\/promises)?$/.test(String(node.source.value))) return false;
    return (node.specifiers as readonly SyntaxNode[]).some(({ imported }) => !isIdentifier(imported, 'setImmediate'));
  }
  if (node.type !== 'CallExpression') return false;
  return ['setTimeout', 'setInterval'].some((name) => isIdentifier(node.callee, name));
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
