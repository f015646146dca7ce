import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { describe, it } from 'node:test';
import { createUrlGuard, isPublic, RefusedAddress, type UrlGuard } from '../src/url-guard.ts';

const PRIVATE_ADDRESSES = [
  ...['127.0.0.1', '10.1.1.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.1.1', '100.100.100.200'],
  ...['224.0.0.1', '0.0.0.0', '255.255.255.255', '240.0.0.1', '168.63.129.16', '192.0.0.192', '198.18.0.1'],
  ...['::1', '::', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::'],
  ...['fe80::1', 'fc00::1', 'fd00:ec2::254', 'fec0::1', 'ff02::1', '::7f00:1', '2001:db8::1', '2001::1'],
];

describe('the guard of callback URLs', () => {
  const guard = createUrlGuard();

  for (const address of PRIVATE_ADDRESSES) {
    it(`refuses ${address}`, () => {
      const url = address.includes(':') ? `http://[${address}]/hook` : `http://${address}/hook`;
      assert.equal(isPublic(address), false);
      assert.throws(() => guard.check(url), { code: 'VALIDATION_ERROR' });
    });
  }

  for (const url of [
    ...['ftp://example.com/', 'file:///etc/passwd', 'javascript:alert(1)', 'example.com/hook', '/hook', 'http://'],
    ...['https://user@example.com/', 'https://:secret@example.com/', 'http://localhost/', 'http://a.localhost./'],
    ...['http://0x7f000001/', 'http://2130706433/', 'http://0177.1/', 'http://127.1/', 'http://[::ffff:7f00:1]/'],
  ]) {
    it(`refuses ${url}`, () => {
      assert.throws(
        () => guard.check(url),
        (error: { details?: { pointer?: string } }) => error.details?.pointer === '/callbackUrl',
      );
    });
  }

  it('lets public hosts and addresses pass', () => {
    for (const url of ['https://example.com/hook?x=1', 'http://8.8.8.8:8080/', 'https://[2606:4700::1111]/']) {
      assert.equal(guard.check(url).href, url);
    }
  });

  it('lets pass what is allowed by name, address or block, and nothing else', () => {
    const open = createUrlGuard({ allowPrivate: ['localhost', '127.0.0.1', '10.0.0.0/8', 'fd00::/8'] });
    for (const url of ['http://localhost:1/', 'http://127.0.0.1/', 'http://10.9.8.7/', 'http://[fd12::1]/'])
      open.check(url);
    for (const url of ['http://127.0.0.2/', 'http://192.168.0.1/', 'http://[::1]/']) {
      assert.throws(() => open.check(url), { code: 'VALIDATION_ERROR' });
    }
  });
});

describe('the look-up of a connection', () => {
  it('refuses a name when any of its addresses is private', async () => {
    const found = [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ];
    await assert.rejects(resolve(guardOver([found])), RefusedAddress);
  });

  it('checks every time, so that a name that turns private after the check is refused', async () => {
    const guard = guardOver([[{ address: '93.184.216.34', family: 4 }], [{ address: '127.0.0.1', family: 4 }]]);
    assert.deepEqual(await resolve(guard), [{ address: '93.184.216.34', family: 4 }]);
    await assert.rejects(resolve(guard), RefusedAddress);
  });

  it('hands the connection the address that was checked', async () => {
    const guard = guardOver([[{ address: '93.184.216.34', family: 4 }]]);
    const { promise, resolve: done } = Promise.withResolvers<unknown[]>();
    guard.lookup('receiver.example', {}, (...answer) => done(answer));
    assert.deepEqual(await promise, [null, '93.184.216.34', 4]);
  });
});

/** A guard over a resolver that gives these answers one after another. */
function guardOver(answers: LookupAddress[][]): UrlGuard {
  const lookup = (_host: string, _options: unknown, callback: (error: null, found: LookupAddress[]) => void) =>
    callback(null, answers.shift() ?? []);
  return createUrlGuard({ lookup: lookup as never });
}

function resolve(guard: UrlGuard): Promise<unknown> {
  return new Promise((settle, reject) => {
    guard.lookup('receiver.example', { all: true }, (error, found) => (error ? reject(error) : settle(found)));
  });
}
