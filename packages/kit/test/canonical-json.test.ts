import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { canonicalJson } from '../src/index.ts';

/** JSON has one zero, JavaScript two. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

/** The same value with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, reversed(member)] as const);
  return Object.fromEntries(entries.reverse());
}

describe('canonicalJson', () => {
  test('the order of keys does not matter', () => {
    fc.assert(fc.property(json, (value) => assert.equal(canonicalJson(reversed(value)), canonicalJson(value))));
  });

  test('the text is JSON of the same value', () => {
    fc.assert(fc.property(json, (value) => assert.deepEqual(JSON.parse(canonicalJson(value)), value)));
  });

  test('two values have the same text exactly when they are equal', () => {
    const small = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(null, true, 0, 1, '', '0', 'a'),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), { maxKeys: 2 }),
      ),
    })).value;
    const plain = small.map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    fc.assert(
      fc.property(plain, plain, (left, right) => {
        assert.equal(canonicalJson(left) === canonicalJson(right), isDeepStrictEqual(left, right));
      }),
      { numRuns: 1_000 },
    );
  });

  test('keys are sorted by UTF-16 code units', () => {
    // The example of RFC 8785 §3.2.3.
    const value = Object.fromEntries(
      ['€', '\r', '\ufb33', '1', '😀', '\u0080', 'ö'].map((key, index) => [key, index + 1]),
    );
    assert.equal(canonicalJson(value), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
  });

  test('what JSON leaves out or converts is left out or converted the same way', () => {
    const at = new Date(0);
    const absent = { toJSON: () => undefined };
    const values = [
      undefined,
      Number.NaN,
      at,
      { a: undefined, b: () => 1, c: at, d: absent },
      [undefined, absent, () => 1],
    ];
    for (const value of values) assert.equal(canonicalJson(value), JSON.stringify(value) ?? 'null');
  });

  test('a BigInt is refused, as JSON refuses it', () => {
    assert.throws(() => canonicalJson({ a: 1n }), TypeError);
  });
});
