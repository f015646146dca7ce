import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type } from 'arktype';
import { Type } from 'typebox';
import * as v from 'valibot';
import { z } from 'zod';
import { compileSchema, type ValueSchema } from '../src/index.ts';

const order = { name: 'Ada', lines: [{ sku: 'a/b', count: 2 }] };

/** The same schema in four languages. */
const SCHEMAS: Readonly<Record<string, ValueSchema>> = {
  TypeBox: Type.Object({
    name: Type.String({ minLength: 1 }),
    lines: Type.Array(Type.Object({ sku: Type.String(), count: Type.Integer({ minimum: 1 }) })),
  }),
  zod: z.object({
    name: z.string().min(1),
    lines: z.array(z.object({ sku: z.string(), count: z.number().int().min(1) })),
  }),
  valibot: v.object({
    name: v.pipe(v.string(), v.minLength(1)),
    lines: v.array(v.object({ sku: v.string(), count: v.pipe(v.number(), v.integer(), v.minValue(1)) })),
  }),
  arktype: type({ name: 'string >= 1', lines: type({ sku: 'string', count: 'number.integer >= 1' }).array() }),
};

function faultOf(schema: ValueSchema, value: unknown) {
  const result = compileSchema(schema)(value);
  assert.ok(!(result instanceof Promise));
  assert.equal(result.ok, false);
  assert.ok(!result.ok && result.message.length > 0);
  return result;
}

for (const [language, schema] of Object.entries(SCHEMAS)) {
  describe(`compileSchema with ${language}`, () => {
    test('lets a value through that fits', () => {
      assert.deepEqual(compileSchema(schema)(order), { ok: true, value: order });
    });

    test('points at the value itself, a field, a missing field and an element', () => {
      assert.equal(faultOf(schema, 5).pointer, '');
      assert.equal(faultOf(schema, undefined).pointer, '');
      assert.equal(faultOf(schema, { ...order, name: '' }).pointer, '/name');
      assert.equal(faultOf(schema, { name: 'Ada' }).pointer, '/lines');
      assert.equal(
        faultOf(schema, { ...order, lines: [order.lines[0], { sku: 'c', count: 0 }] }).pointer,
        '/lines/1/count',
      );
    });
  });
}

describe('compileSchema', () => {
  test('escapes slashes and tildes in pointers', () => {
    const key = 'a/b~c';
    for (const schema of [Type.Object({ [key]: Type.Number() }), z.object({ [key]: z.number() })]) {
      assert.equal(faultOf(schema, { [key]: 'x' }).pointer, '/a~1b~0c');
      assert.equal(faultOf(schema, {}).pointer, '/a~1b~0c');
    }
  });

  test('names a key that is not allowed', () => {
    const schema = Type.Object({ a: Type.Optional(Type.Number()) }, { additionalProperties: false });
    assert.deepEqual(faultOf(schema, { 'b/c': 1 }), { ok: false, pointer: '/b~1c', message: 'is not allowed' });
  });

  test('of a union of constants it lists them', () => {
    const schema = Type.Object({ unit: Type.Union([Type.Literal('day'), Type.Literal('week')]) });
    assert.deepEqual(faultOf(schema, { unit: 'year' }), {
      ok: false,
      pointer: '/unit',
      message: 'must be one of "day", "week"',
    });
  });

  test('of a discriminated union it reports the branch that was meant', () => {
    const schema = Type.Union([
      Type.Object({ kind: Type.Literal('number'), value: Type.Number() }),
      Type.Object({ kind: Type.Literal('text'), value: Type.String() }),
    ]);
    assert.equal(faultOf(schema, { kind: 'text', value: 1 }).pointer, '/value');
    assert.equal(faultOf(schema, { kind: 'other', value: 1 }).pointer, '');
  });

  test('takes a plain JSON schema', () => {
    const schema: ValueSchema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } };
    assert.equal(faultOf(schema, { a: 1.5 }).pointer, '/a');
  });

  test('gives the value back with the defaults and transformations of a Standard Schema', () => {
    const schema = z.object({ count: z.coerce.number(), unit: z.string().default('day') });
    assert.deepEqual(compileSchema(schema)({ count: '3' }), { ok: true, value: { count: 3, unit: 'day' } });
  });

  test('waits for a schema that is asynchronous, and only for such', async () => {
    const schema = z.object({ name: z.string().refine(async (name) => name !== 'taken', 'is taken') });
    const check = compileSchema(schema);
    const result = check({ name: 'taken' });
    assert.ok(result instanceof Promise);
    assert.deepEqual(await result, { ok: false, pointer: '/name', message: 'is taken' });
    assert.deepEqual(await check({ name: 'free' }), { ok: true, value: { name: 'free' } });
  });

  test('refuses a value over which the schema throws, at once or later', async () => {
    const broken = (validate: () => never | Promise<never>) =>
      ({ '~standard': { version: 1, vendor: 'test', validate } }) as ValueSchema;
    const atOnce = broken(() => {
      throw new Error('broken');
    });
    const expected = { ok: false, pointer: '', message: 'broken' };
    assert.deepEqual(compileSchema(atOnce)(1), expected);
    assert.deepEqual(await compileSchema(broken(() => Promise.reject(new Error('broken'))))(1), expected);
  });

  test('tells the type of the value', () => {
    const result = compileSchema(Type.Object({ a: Type.Number() }))({ a: 1 });
    assert.ok(!(result instanceof Promise) && result.ok);
    const doubled: number = result.value.a * 2;
    assert.equal(doubled, 2);
  });
});
