import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { fail } from './errors.ts';

interface KnownRoute {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Remembers which paths exist, so that a wrong method is told apart from a wrong path. Looked at for 404s only. */
export class KnownRoutes {
  readonly #routes = new Map<string, KnownRoute>();

  add(route: Pick<RouteOptions, 'url' | 'method'>): void {
    if (route.url === '*' || route.url === '/*') return;
    const known = this.#routes.get(route.url) ?? { pattern: toPattern(route.url), methods: new Set() };
    for (const method of [route.method].flat()) known.methods.add(method);
    this.#routes.set(route.url, known);
  }

  /** Methods that a path answers, sorted. */
  methodsOf(path: string): readonly string[] {
    const methods = new Set<string>();
    for (const route of this.#routes.values()) {
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method);
    }
    return [...methods].sort();
  }

  /** Fastify's handler of requests that no route takes. @throws METHOD_NOT_ALLOWED, ROUTE_NOT_FOUND */
  refuse(request: FastifyRequest, _reply: FastifyReply): never {
    const path = request.url.split('?', 1)[0] ?? request.url;
    const allow = this.methodsOf(path).join(', ');
    const details = { method: request.method, path };
    if (allow === '') throw fail('ROUTE_NOT_FOUND', { details });
    throw fail('METHOD_NOT_ALLOWED', { details: { ...details, allow } });
  }
}

function toPattern(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => part.replace(/:\w+(\([^)]*\))?|\*|[.+?^${}()|[\]\\]/g, toPatternPart))
    .join('/');
  return new RegExp(`^${source}$`);
}

function toPatternPart(part: string): string {
  if (part === '*') return '.*';
  return part.startsWith(':') ? '[^/]+' : `\\${part}`;
}
