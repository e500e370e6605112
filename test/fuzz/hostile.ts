import fc from 'fast-check';

/** Pieces that parsers, terminals, pages and URLs have stumbled over. */
const PIECES = [
  '',
  'a',
  '\u0000',
  '\r\n',
  '\u001b[31m',
  '\u0007',
  '\u009b',
  '\u202e',
  '\u2028',
  '\ufeff',
  '\u{e0041}',
  '\ud800',
  '\udfff',
  '"',
  '\\',
  '\\"',
  ',',
  '=',
  '<script>alert(1)</script>',
  '</title>',
  '%00',
  '%0d%0a',
  '%',
  '&',
  '#',
  '?',
  '../',
  '@',
  '__proto__',
  'constructor',
  'toString',
  'é',
  '😀',
  'ﬀ',
  'x'.repeat(300),
];

/** Any text: ordinary, of hostile pieces, of any code unit. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.array(fc.nat(0xffff), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
);

/** The text as a URL or UTF-8 can carry it: half a surrogate pair becomes the sign for what is none. */
export const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '\ufffd');

/** Text that is far longer than anything that should be read. */
export const hugeText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('a', '"', '\\', ' ', ',', '<', '&', '=', '{', '%', '\u0000', '😀'),
    fc.integer({ min: 1, max: 70_000 }),
  )
  .map(([unit, length]) => unit.repeat(length));

/** The text of a JSON value that nobody should send. */
const hostileValue: fc.Arbitrary<string> = fc.oneof(
  hostileText.map((text) => JSON.stringify(text)),
  fc.constantFrom(
    'null',
    'true',
    'false',
    '0',
    '-0',
    '-1',
    '1e400',
    '-1e400',
    '1e-400',
    '0.5',
    '99999999999999999999',
    '9007199254740993',
    '"9007199254740993"',
    '""',
    '" "',
    '[]',
    '{}',
    '[null]',
    '[[]]',
    '["a",1]',
    '["https://as.example.com"]',
    '{"toString":1}',
    '{"length":1e9,"includes":1}',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '"\\ud800"',
    '"\\u0000"',
    '"https://as.example.com/x"',
  ),
  fc.integer({ min: 1, max: 60 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.json({ maxDepth: 3 }),
);

/** For each member the values that a correct server sends. */
export type Shape = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** JSON within a shape that is text already. */
class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object of this shape as a member of another one. */
export const nested = (shape: Shape): fc.Arbitrary<unknown> => objectOf(shape).map((text) => new Written(text));

const textOf = (value: unknown) => (value instanceof Written ? value.text : (JSON.stringify(value) ?? 'null'));

/** The text of a JSON object of this shape, mostly right, with members left out, replaced, repeated, of other names, in disorder. */
function objectOf(shape: Shape): fc.Arbitrary<string> {
  const names = Object.keys(shape);
  const right = names.map((name) => (shape[name] ?? fc.constant(null)).map((value) => [name, textOf(value)] as const));
  const anyName = fc.oneof(
    fc.constantFrom(...names),
    fc.constantFrom('__proto__', 'constructor', 'toJSON'),
    hostileText,
  );
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('drop' as const), name: fc.constantFrom(...names) }),
    fc.record({ kind: fc.constant('add' as const), name: anyName, value: hostileValue }),
    fc.record({ kind: fc.constant('replace' as const), name: fc.constantFrom(...names), value: hostileValue }),
  );
  return fc
    .tuple(fc.tuple(...right), fc.array(mutation, { maxLength: 3 }), fc.boolean())
    .map(([members, mutations, reversed]) => {
      let list = members.map(([name, text]) => [name, text] as const);
      for (const each of mutations) {
        if (each.kind !== 'add') list = list.filter(([name]) => name !== each.name);
        if (each.kind !== 'drop') list = [...list, [each.name, each.value] as const];
      }
      if (reversed) list = list.toReversed();
      return `{${list.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
    });
}

/** The same, sometimes damaged, sometimes something else altogether. */
export function jsonOf(shape: Shape): fc.Arbitrary<string> {
  const object = objectOf(shape);
  return fc.oneof(
    { weight: 8, arbitrary: object },
    { weight: 2, arbitrary: object.chain(damaged) },
    { weight: 1, arbitrary: junk },
  );
}

/** What is no document at all. */
const junk: fc.Arbitrary<string> = fc.oneof(
  hostileText,
  hugeText,
  hostileValue,
  fc.constantFrom('<!doctype html><title>Sign in to the Wi-Fi</title>', '[', '{', '{"', '\ufeff{}', '{}{}', '{"a":1,}'),
);

function damaged(text: string): fc.Arbitrary<string> {
  const at = fc.nat(text.length);
  return fc.oneof(
    at.map((end) => text.slice(0, end)),
    fc.tuple(at, hostileText).map(([where, piece]) => text.slice(0, where) + piece + text.slice(where)),
    fc.tuple(at, at).map(([from, to]) => text.slice(0, from) + text.slice(to)),
    fc.constantFrom(
      `\ufeff${text}`,
      ` ${text} `,
      `${text}${text}`,
      `[${text}]`,
      JSON.stringify(text),
      `)]}',\n${text}`,
    ),
  );
}

/** Text with a few characters changed, cut, doubled. */
export function mutated(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(text, text.chain(damaged), hostileText);
}

/** The bytes of a text, mostly as UTF-8. */
export function bytesOf(text: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const utf8 = text.map((one) => new TextEncoder().encode(one));
  return fc.oneof(
    { weight: 8, arbitrary: utf8 },
    { weight: 1, arbitrary: text.map((one) => Uint8Array.from(one, (char) => char.charCodeAt(0) & 0xff)) },
    {
      weight: 1,
      arbitrary: fc.tuple(utf8, fc.uint8Array({ maxLength: 6 }), fc.nat(200)).map(([bytes, more, at]) => {
        const where = Math.min(at, bytes.length);
        return Uint8Array.from([...bytes.subarray(0, where), ...more, ...bytes.subarray(where)]);
      }),
    },
  );
}

/** URLs that servers name: right ones, forbidden ones, ones that parsers read in different ways. */
export const hostileUrl: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'https://as.example.com/token',
    'https://as.example.com/authorize?tenant=1&state=own',
    'https://mcp.example.com',
    'http://as.example.com/token',
    'https://user:pass@as.example.com/',
    'https://as.example.com/#fragment',
    'https://as.example.com/#',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'data:text/html,hi',
    'blob:https://as.example.com/1',
    'vscode://open',
    '//as.example.com',
    '/token',
    'https:/as.example.com',
    'https:\\\\as.example.com\\token',
    ' https://as.example.com ',
    'https://as.example.com\u0000.evil.example',
    'https://127.0.0.1/token',
    'http://localhost:1/token',
    'https://[::ffff:169.254.169.254]/',
    'https://0xa9.0xfe.0xa9.0xfe/',
    'https://2852039166/',
    'https://metadata.google.internal/',
    'https://as.example.com.',
    'https://ａs.example.com/',
    'https://xn--a/',
    `https://as.example.com/${'a'.repeat(9_000)}`,
  ),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  hostileText.map((text) => `https://as.example.com/${text}`),
  hostileText.map((text) => `https://${text}/`),
  hostileText,
);
