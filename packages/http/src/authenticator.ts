import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '@millrace/kit';
import { type JWTPayload, jwtVerify } from 'jose';
import { fail } from './errors.ts';
import { type AuthOptions, SCOPES, type Scope } from './options.ts';

/** Tokens whose signature is remembered until they expire; checking one costs as much as the rest of a request. */
const VERIFIED_TOKENS_MAX = 1_000;
/** Longer than any sensible token. */
const TOKEN_LENGTH_MAX = 8_192;
const MS_PER_SECOND = 1_000;
const BEARER = /^Bearer +(\S+) *$/i;

/** Who is calling. */
export interface Principal {
  readonly kind: 'apiKey' | 'jwt';
  /** The token's `sub`, or `apiKey`. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
}

export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** `?access_token=`, where a route accepts it. */
  readonly queryToken?: string | undefined;
}

interface VerifiedToken {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

const API_KEY_PRINCIPAL: Principal = { kind: 'apiKey', id: 'apiKey', scopes: new Set(SCOPES) };

/** Finds out who is calling, by API key or by an HS256 token. */
export class Authenticator {
  readonly #auth: AuthOptions;
  readonly #clock: Clock;
  readonly #header: string;
  readonly #key: Buffer | undefined;
  readonly #secret: Uint8Array | undefined;
  readonly #verified = new Map<string, VerifiedToken>();

  constructor(auth: AuthOptions, clock: Clock) {
    this.#auth = auth;
    this.#clock = clock;
    this.#header = (auth.apiKeyHeader ?? 'X-API-Key').toLowerCase();
    this.#key = auth.apiKey ? Buffer.from(auth.apiKey) : undefined;
    this.#secret = auth.jwtSecret ? new TextEncoder().encode(auth.jwtSecret) : undefined;
  }

  /** At once for keys and tokens seen before, else by a promise. @throws UNAUTHORIZED */
  identify({ headers, queryToken }: Credentials): Principal | Promise<Principal> {
    const key = headers[this.#header];
    if (typeof key === 'string' && this.#isApiKey(key)) return API_KEY_PRINCIPAL;
    const token = BEARER.exec(headers.authorization ?? '')?.[1] ?? queryToken;
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) throw fail('UNAUTHORIZED');
    if (this.#isApiKey(token)) return API_KEY_PRINCIPAL;
    const known = this.#verified.get(token);
    if (known !== undefined && known.expiresAtMs > this.#clock.now()) return known.principal;
    return this.#verify(token);
  }

  /** Takes the same time wherever a candidate differs; only the key's length shows. */
  #isApiKey(candidate: string): boolean {
    if (this.#key === undefined) return false;
    const bytes = Buffer.from(candidate);
    return bytes.length === this.#key.length && timingSafeEqual(bytes, this.#key);
  }

  async #verify(token: string): Promise<Principal> {
    this.#verified.delete(token);
    if (this.#secret === undefined) throw fail('UNAUTHORIZED');
    const payload = await this.#payloadOf(token, this.#secret);
    const principal: Principal = { kind: 'jwt', id: payload.sub ?? 'token', scopes: scopesOf(payload) };
    this.#remember(token, { principal, expiresAtMs: (payload.exp ?? 0) * MS_PER_SECOND });
    return principal;
  }

  async #payloadOf(token: string, secret: Uint8Array): Promise<JWTPayload> {
    const { jwtIssuer, jwtAudience } = this.#auth;
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: ['HS256'],
        requiredClaims: ['exp'],
        currentDate: new Date(this.#clock.now()),
        ...(jwtIssuer === undefined ? {} : { issuer: jwtIssuer }),
        ...(jwtAudience === undefined ? {} : { audience: jwtAudience }),
      });
      return payload;
    } catch (cause) {
      throw fail('UNAUTHORIZED', { cause });
    }
  }

  #remember(token: string, verified: VerifiedToken): void {
    const oldest = this.#verified.size >= VERIFIED_TOKENS_MAX ? this.#verified.keys().next().value : undefined;
    if (oldest !== undefined) this.#verified.delete(oldest);
    this.#verified.set(token, verified);
  }
}

/** Whether a caller may use a route of that scope. */
export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.has(scope) || principal.scopes.has('admin');
}

function scopesOf(payload: JWTPayload): ReadonlySet<Scope> {
  const { scope, scopes } = payload as { readonly scope?: unknown; readonly scopes?: unknown };
  const names = [typeof scope === 'string' ? scope.split(' ') : [], Array.isArray(scopes) ? scopes : []].flat();
  return new Set(SCOPES.filter((known) => names.includes(known)));
}
