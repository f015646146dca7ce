import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { invalid } from './errors.ts';

/** Public by their range, yet the metadata and control services of a cloud (Azure's WireServer). */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set(['168.63.129.16']);

/** Everything that is routed to the public internet lies in it (RFC 4291 §2.4): the rest is refused unseen. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

export interface UrlGuardOptions {
  /**
   * Hosts (`localhost`), addresses (`127.0.0.1`) and CIDR blocks (`10.0.0.0/8`) that may be called although they are
   * private: for laptops, tests and networks where the receivers are internal. Default: none.
   */
  readonly allowPrivate?: readonly string[] | undefined;
  /** Resolves names. Default: the system's resolver. */
  readonly lookup?: typeof systemLookup | undefined;
}

/** Keeps callbacks out of private networks (server-side request forgery). */
export interface UrlGuard {
  /**
   * The URL, parsed, if it may be called as far as its text tells. Names are resolved only when it is called.
   *
   * @throws VALIDATION_ERROR at `/callbackUrl`
   */
  check(url: string): URL;
  /**
   * Resolves the name for a connection and refuses it when any of its addresses is private. The connection goes to an
   * address that was checked here: a name that resolves differently the second time (DNS rebinding) gains nothing.
   */
  readonly lookup: LookupFunction;
}

/** An address that a name led to and that must not be called. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

/** @throws TypeError for an entry of `allowPrivate` that is no CIDR block */
export function createUrlGuard(options: UrlGuardOptions = {}): UrlGuard {
  const allowed = new AllowList(options.allowPrivate ?? []);
  const resolve = options.lookup ?? systemLookup;
  return {
    check: (text) => checkUrl(text, allowed),
    lookup(hostname, lookupOptions, callback) {
      resolve(hostname, { ...lookupOptions, all: true } as LookupOptions & { all: true }, (error, found) => {
        if (error !== null) return callback(error, []);
        const refused = refusedOf(hostname, found, allowed);
        if (refused !== undefined) return callback(refused, []);
        if (lookupOptions.all === true) return callback(null, found);
        const [first] = found;
        if (first === undefined) return callback(new RefusedAddress(`${hostname} has no address.`), []);
        callback(null, first.address, first.family);
      });
    },
  };
}

function refusedOf(hostname: string, found: readonly LookupAddress[], allowed: AllowList): Error | undefined {
  if (allowed.hasHost(hostname)) return undefined;
  const refused = found.find(({ address }) => !isPublic(address) && !allowed.hasAddress(address));
  return refused && new RefusedAddress(`${hostname} leads to the private address ${refused.address}.`);
}

function checkUrl(text: string, allowed: AllowList): URL {
  if (!URL.canParse(text)) throw refuse('It must be an absolute URL.');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuse('It must begin with https:// or http://.');
  if (url.username !== '' || url.password !== '') throw refuse('It must not contain a user name or a password.');
  const host = hostOf(url);
  if (allowed.hasHost(host)) return url;
  if (host === 'localhost' || host.endsWith('.localhost')) throw refuse('It must not lead to this machine.');
  if (isIP(host) !== 0 && !isPublic(host) && !allowed.hasAddress(host)) {
    throw refuse('It must not lead to a private, local or reserved address.');
  }
  return url;
}

/** The host without the brackets of an IPv6 address and without the dot that ends a full name. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function refuse(reason: string): Error {
  return invalid('/callbackUrl', `callbackUrl must not be called. ${reason}`);
}

/**
 * Whether an address belongs to the public internet. Not so: private, loopback, link-local (with the metadata services
 * of clouds), carrier-grade NAT, multicast, reserved; and every IPv6 form that carries an IPv4 address inside (mapped,
 * NAT64, 6to4, Teredo), because what it leads to depends on the network.
 */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA_ADDRESSES.has(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(GLOBAL_UNICAST_V6);
}

class AllowList {
  readonly #hosts = new Set<string>();
  readonly #blocks: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];

  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (entry.includes('/')) this.#blocks.push(ipaddr.parseCIDR(entry));
      else if (isIP(entry) !== 0) this.#blocks.push([ipaddr.parse(entry), isIP(entry) === 4 ? 32 : 128]);
      else this.#hosts.add(entry.toLowerCase());
    }
  }

  hasHost(host: string): boolean {
    return this.#hosts.has(host.toLowerCase());
  }

  hasAddress(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#blocks.some((block) => block[0].kind() === parsed.kind() && parsed.match(block as never));
  }
}
