import { stripTypeScriptTypes } from 'node:module';
import { type Comment, type Node, parse } from 'acorn';

/** A node of the syntax tree, walked without knowing its kind. */
export type SyntaxNode = Node & Readonly<Record<string, unknown>>;

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** What the rules see of a file of code. */
export interface Syntax {
  readonly program: SyntaxNode;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

/** Types are erased before parsing (every position stays), so imports of types are found by their text. */
const TYPE_IMPORT = /^(?:import|export) type\b[^'";]*?\bfrom '([^']+)'/gm;

export function parseSyntax(path: string, text: string): Syntax {
  const comments: Comment[] = [];
  try {
    const code = path.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
    const program = parse(code, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      allowHashBang: true,
      checkPrivateFields: false,
      locations: true,
      onComment: comments,
    }) as unknown as SyntaxNode;
    return { program, comments, imports: [...valueImports(program), ...typeImports(text)] };
  } catch (cause) {
    throw new SyntaxError(`${path} cannot be parsed`, { cause });
  }
}

/** Calls `visit` for every node, parents first. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode, parent: SyntaxNode | undefined) => void): void {
  const go = (current: SyntaxNode, parent: SyntaxNode | undefined) => {
    visit(current, parent);
    for (const value of Object.values(current)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) go(child, current);
    }
  };
  go(node, undefined);
}

export function lineOf(node: Node): number {
  return node.loc?.start.line ?? 0;
}

export function linesOf(node: Node): number {
  return node.loc ? node.loc.end.line - node.loc.start.line + 1 : 0;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

export function isIdentifier(value: unknown, name: string): boolean {
  return isNode(value) && value.type === 'Identifier' && value.name === name;
}

/** Whether the node reads `object.property`, such as `process.env`. */
export function isMember(node: unknown, object: string, property: string): boolean {
  return (
    isNode(node) &&
    node.type === 'MemberExpression' &&
    isIdentifier(node.object, object) &&
    isIdentifier(node.property, property)
  );
}

/** Every string of the program with its line: literals, and templates with `?` where values go. */
export function stringsOf(syntax: Syntax): readonly { readonly text: string; readonly line: number }[] {
  const strings: { text: string; line: number }[] = [];
  walk(syntax.program, (node) => {
    if (node.type === 'Literal' && typeof node.value === 'string')
      strings.push({ text: node.value, line: lineOf(node) });
    if (node.type !== 'TemplateLiteral') return;
    const quasis = node.quasis as readonly { readonly value: { readonly raw: string } }[];
    strings.push({ text: quasis.map((quasi) => quasi.value.raw).join('?'), line: lineOf(node) });
  });
  return strings;
}

function valueImports(program: SyntaxNode): Import[] {
  const imports: Import[] = [];
  walk(program, (node) => {
    if (!IMPORTING.has(node.type)) return;
    const source = node.source;
    if (isNode(source) && source.type === 'Literal') {
      imports.push({ specifier: String(source.value), line: lineOf(node) });
    }
  });
  return imports;
}

const IMPORTING = new Set(['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression']);

function typeImports(text: string): Import[] {
  return [...text.matchAll(TYPE_IMPORT)].map((match) => ({
    specifier: match[1] as string,
    line: text.slice(0, match.index).split('\n').length,
  }));
}
