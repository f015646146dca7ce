import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type } from 'arktype';
import { Type } from 'typebox';
import * as v from 'valibot';
import { z } from 'zod';
import { type CommandDefinition, defineCommand, isCommandDefinition } from '../src/index.ts';

/** Compiles only when both types are the same; `tsc` is the test. */
type Same<TLeft, TRight> = (<T>() => T extends TLeft ? 1 : 2) extends <T>() => T extends TRight ? 1 : 2 ? true : false;
function same<TLeft, TRight>(_proof: Same<TLeft, TRight>): void {}

describe('defineCommand', () => {
  test('the handler knows the type of the payload from any schema', () => {
    const definitions = [
      defineCommand({
        type: 'typebox',
        payload: Type.Object({ text: Type.String(), count: Type.Optional(Type.Integer()) }),
        handler(command, context) {
          same<typeof command.payload.text, string>(true);
          same<typeof context.attempt, number>(true);
          return command.payload.text.length + (command.payload.count ?? 0);
        },
      }),
      defineCommand({
        type: 'zod',
        payload: z.object({ count: z.coerce.number(), unit: z.string().default('day') }),
        handler: async ({ payload }) => {
          same<typeof payload, { count: number; unit: string }>(true);
        },
      }),
      defineCommand({
        type: 'valibot',
        payload: v.object({ at: v.string() }),
        handler: ({ payload }) => {
          same<typeof payload, { at: string }>(true);
        },
      }),
      defineCommand({
        type: 'arktype',
        payload: type({ size: 'number' }),
        handler: ({ payload }) => {
          same<typeof payload, { size: number }>(true);
        },
      }),
      defineCommand({
        type: 'none',
        handler: ({ payload }) => {
          same<typeof payload, unknown>(true);
        },
      }),
    ];
    assert.deepEqual(
      definitions.map((definition) => isCommandDefinition(definition)),
      [true, true, true, true, true],
    );
  });

  test('definitions of all kinds fit into one list', () => {
    const list: CommandDefinition[] = [
      defineCommand({
        type: 'a',
        payload: z.object({ n: z.number() }),
        handler: ({ payload }) => payload.n,
      }) as CommandDefinition,
      defineCommand({ type: 'b', cpu: true, handler: new URL('file:///b.ts') }),
    ];
    assert.equal(list.length, 2);
  });

  test('the definition is a frozen copy', () => {
    const given = { type: 'a', handler: () => 1 };
    const definition = defineCommand(given);
    assert.ok(Object.isFrozen(definition));
    given.type = 'b';
    assert.equal(definition.type, 'a');
  });
});

describe('isCommandDefinition', () => {
  test('recognises definitions of another copy of the package by their shape, and nothing else', () => {
    assert.equal(isCommandDefinition({ type: 'a', handler: () => 1 }), true);
    assert.equal(isCommandDefinition({ type: 'a', cpu: true, handler: new URL('file:///a.ts') }), true);
    for (const other of [null, 5, 'a', {}, { type: 'a' }, { type: 5, handler: () => 1 }, () => 1]) {
      assert.equal(isCommandDefinition(other), false);
    }
  });
});
