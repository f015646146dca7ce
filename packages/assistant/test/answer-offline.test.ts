import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type AssistantResult,
  createAssistantCommands,
  type ExtractOutput,
  INPUT_CHARS_MAX,
} from '@millrace/assistant';
import { Unrecoverable, VirtualClock } from '@millrace/kit';
import * as fc from 'fast-check';
import { createCommand, createTestContext, findDefinition } from './test-context.ts';

const TEXTS = new URL('../../../examples/texts/', import.meta.url);
const REFERENCE = new Date('2026-03-16T08:00:00Z');
const clock = new VirtualClock();
const { handler } = findDefinition(createAssistantCommands({ clock }), 'EXECUTE_ASSISTANT');

async function run(payload: unknown, createdAt = REFERENCE, signal = new AbortController().signal) {
  const result = (await handler(createCommand(payload, createdAt), createTestContext({ signal }))) as AssistantResult;
  return { ...result, output: result.output as ExtractOutput };
}

function readText(name: string): string {
  return readFileSync(new URL(name, TEXTS), 'utf8');
}

/** The instants found in a sentence. */
async function instantsIn(input: string): Promise<string[]> {
  return (await run({ input })).output.dates.map((date) => (date.until ? `${date.at}/${date.until}` : date.at));
}

test('the offline answer says that no language model gave it and when', async () => {
  const result = await run({ input: readText('meeting-billing-migration.txt') });
  assert.equal(result.provider, 'offline');
  assert.equal(result.processedAt, '2026-01-01T00:00:00.000Z');
  assert.match(result.message, /without a language model, from 7 sentences/);
  assert.match(result.message, /People: Maria Keller; John Smith; Anna Petrova\./);
});

test('people, places, dates, key sentences and counts of a text are found', async () => {
  const { output } = await run({ input: readText('meeting-billing-migration.txt') });
  assert.deepEqual(output.people, ['Maria Keller', 'John Smith', 'Anna Petrova']);
  assert.deepEqual(output.places, ['Toronto', 'Berlin']);
  assert.deepEqual(output.dates, [
    { text: 'tomorrow at 9am', at: '2026-03-17T09:00:00.000Z', precision: 'minute' },
    { text: 'on 3 April 2026', at: '2026-04-03T00:00:00.000Z', precision: 'day' },
    { text: 'next Friday at 2pm', at: '2026-03-27T14:00:00.000Z', precision: 'minute' },
  ]);
  assert.equal(output.keySentences.length, 2);
  assert.match(output.keySentences[0]!, /^Maria Keller opened the meeting/);
  assert.deepEqual(output.counts, { characters: 510, words: 90, sentences: 7, paragraphs: 1 });
});

test('the same text and instant give the same output, word for word', async () => {
  for (const name of readdirSync(TEXTS).filter((file) => file.endsWith('.txt'))) {
    const input = readText(name);
    assert.deepEqual(await run({ input }), await run({ input }), name);
  }
});

test('dates are found in many phrasings, as instants in UTC', async () => {
  const cases: readonly [string, readonly string[]][] = [
    ['We meet on 14 March 2027 at 10:00.', ['2027-03-14T10:00:00.000Z']],
    ['Due April 3rd, 2026.', ['2026-04-03T00:00:00.000Z']],
    ['It began at 2026-03-20T10:00:00+02:00 sharp.', ['2026-03-20T08:00:00.000Z']],
    ['Please answer within 3 days.', ['2026-03-19T00:00:00.000Z']],
    ['The call is tomorrow at 5:30 pm.', ['2026-03-17T17:30:00.000Z']],
    ['It was in March 2025.', ['2025-03-01T00:00:00.000Z']],
    ['Open from 3 May to 5 May 2026.', ['2026-05-03T00:00:00.000Z/2026-05-05T00:00:00.000Z']],
    [
      'It failed on 5 November 2025. It was noticed at 03:31.',
      ['2025-11-05T00:00:00.000Z', '2025-11-05T03:31:00.000Z'],
    ],
  ];
  for (const [text, expected] of cases) assert.deepEqual(await instantsIn(text), expected, text);
});

test('words and numbers that only look like dates are left alone', async () => {
  const texts = [
    'We may march on while the sun sat low.',
    'It rose from 4 to 11 degrees.',
    'The battery lasts for 3 days.',
  ];
  for (const text of texts) assert.deepEqual(await instantsIn(text), [], text);
});

test('relative dates count from the creation of the command, not from now', async () => {
  const { output } = await run({ input: 'See you tomorrow.' }, new Date('2024-02-28T23:59:00Z'));
  assert.equal(output.dates[0]?.at, '2024-02-29T00:00:00.000Z');
});

test('the time zone of the machine changes nothing, not even in the hour that its summer time skips', async () => {
  const before = process.env.TZ;
  try {
    process.env.TZ = 'America/New_York';
    const reference = new Date('2026-03-08T02:00:00Z');
    const { output } = await run({ input: 'The job ran on March 8 2026 at 2:30am, again tomorrow.' }, reference);
    assert.deepEqual(
      output.dates.map(({ at }) => at),
      ['2026-03-08T02:30:00.000Z', '2026-03-09T00:00:00.000Z'],
    );
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test('names of several shapes are people, and cities after a first name are not places', async () => {
  const input =
    'Dr. Elena Rossi wrote to Ludwig van Beethoven. Jean-Luc Picard and Jack London agreed. ' +
    "Priya Raghunathan noticed it; Maria Keller's report, said Maria, was lost. Ask Kenji Tanaka or J. R. Tolkien.";
  const { output } = await run({ input });
  const expected = ['Dr. Elena Rossi', 'Ludwig van Beethoven', 'Jean-Luc Picard', 'Jack London'];
  expected.push('Priya Raghunathan', 'Maria Keller', 'Kenji Tanaka', 'J. R. Tolkien');
  assert.deepEqual(output.people, expected);
  assert.deepEqual(output.places, []);
});

test('places of several words, short forms and unknown ones after a clue are found', async () => {
  const input =
    'From New York she flew to Saudi Arabia. The train to Ueno leaves at noon. In the UK it rained near Groningen.';
  const { output } = await run({ input });
  assert.deepEqual(output.places, ['New York', 'Saudi Arabia', 'Ueno', 'UK', 'Groningen']);
});

test('abbreviations do not end a sentence, line breaks between items do', async () => {
  const { output } = await run({
    input: 'Dr. Anna Petrova saw Mr. Smith.\n- first item\nSecond item\r\nwrapped here.',
  });
  assert.equal(output.counts.sentences, 3);
});

test('any script, emoji, broken surrogates and control characters are read without failing', async () => {
  const { output } = await run({ input: readText('notes-unicode-market.txt') });
  assert.deepEqual(output.people, ['José Álvarez', 'Zoë Müller']);
  for (const input of [
    '東京で会いました。次は来週です。',
    '🎉🎉🎉',
    '\ud83c half an emoji',
    '\u0000\u0007',
    '‮مرحبا بالعالم',
    '.',
  ]) {
    const result = await run({ input });
    assert.equal(result.output.counts.characters, input.length);
    JSON.parse(JSON.stringify(result));
  }
});

test('a text of the greatest length is worked through in turns that let other work run', async () => {
  const sentence = readText('incident-full-disk.txt').trim();
  const input = `${sentence}\n`.repeat(Math.floor(INPUT_CHARS_MAX / (sentence.length + 1)));
  let turns = 0;
  const count = () => {
    turns++;
    handle = setImmediate(count);
  };
  let handle = setImmediate(count);
  const { output } = await run({ input });
  clearImmediate(handle);
  assert.ok(turns >= 50, `Other work had ${turns} turns.`);
  assert.deepEqual(output.people, ['Priya Raghunathan']);
});

test('texts made to be slow take no longer than their length allows', async () => {
  const pieces = [
    '1 week ',
    '1 ',
    'Monday ',
    '1/1/',
    'Aa ',
    'a.',
    'A. ',
    "O'",
    'Dr. ',
    '12:',
    '(',
    'from 1 ',
    '\n',
    'Maria Keller ',
    '1w ',
    '3mos ',
    '2020-01-01 ',
  ];
  for (const piece of pieces) {
    const before = process.cpuUsage();
    await run({ input: `x${piece.repeat(Math.floor((INPUT_CHARS_MAX - 1) / piece.length))}` });
    const used = process.cpuUsage(before);
    const tookMs = (used.user + used.system) / 1000;
    assert.ok(tookMs < 2000, `${JSON.stringify(piece)} took ${Math.round(tookMs)} ms of processor time.`);
  }
});

test('a text without spaces is cut between characters, never inside one', async () => {
  const { output } = await run({ input: `a${'🎉'.repeat(2000)}` });
  assert.ok(output.keySentences.every((sentence) => sentence.isWellFormed()));
});

test('whatever the text is, the output is bounded, well-formed JSON with valid instants', async () => {
  const word = fc.constantFrom(
    'Maria',
    'Dr.',
    'Berlin',
    'in',
    '3',
    'May',
    'at',
    '10:30',
    'tomorrow',
    '\n',
    '1 week',
    'van',
  );
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.array(word, { minLength: 1 }).map((w) => w.join(' ')),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.date({ min: new Date(0), noInvalidDate: true }), async (input, createdAt) => {
      fc.pre(input.trim() !== '');
      const { output } = await run({ input }, createdAt);
      assert.deepEqual(JSON.parse(JSON.stringify(output)), output);
      for (const { at, until = at } of output.dates) {
        assert.equal(new Date(at).toISOString(), at);
        assert.equal(new Date(until).toISOString(), until);
      }
      assert.ok(output.people.length <= 50 && output.places.length <= 50 && output.dates.length <= 50);
    }),
    { numRuns: 300 },
  );
});

test('a long extraction stops when the command is aborted', async () => {
  const stop = new AbortController();
  const running = run({ input: 'A word. '.repeat(10_000) }, REFERENCE, stop.signal);
  stop.abort(new Error('cancelled'));
  await assert.rejects(running, /cancelled/);
});

test('input that reached the handler without a check is refused, not worked on', async () => {
  const wrong = [
    {},
    { input: ' \n ' },
    { input: 'x'.repeat(INPUT_CHARS_MAX + 1) },
    { input: 'x', context: { a: 'x'.repeat(20_000) } },
  ];
  for (const payload of wrong) {
    await assert.rejects(
      async () => run(payload),
      (error) => error instanceof Unrecoverable && error.code === 'VALIDATION_ERROR',
    );
  }
});
