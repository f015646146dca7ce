/**
 * JSON with object keys sorted by UTF-16 code units and no white space (the ordering of RFC 8785 §3.2.3), so that two
 * values are equal exactly when their texts are. What `JSON.stringify` leaves out or converts (undefined, functions,
 * `toJSON`, NaN) is left out or converted the same way.
 *
 * Recurses once per level of nesting: the depth of a value from outside is bounded before it comes here.
 *
 * @throws TypeError on a BigInt, as `JSON.stringify` does
 */
export function canonicalJson(value: unknown): string {
  return write(value) ?? 'null';
}

function write(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return writeArray(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return writeConverted(value);
  const record = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(record).sort()) {
    const member = write(record[key]);
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${member}`;
  }
  return `{${text}}`;
}

function writeArray(values: readonly unknown[]): string {
  let text = '';
  for (let index = 0; index < values.length; index++) {
    text += `${index === 0 ? '' : ','}${write(values[index]) ?? 'null'}`;
  }
  return `[${text}]`;
}

function writeConverted(value: object): string | undefined {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? undefined : write(JSON.parse(text));
}
