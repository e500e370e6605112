/** Shorter values cannot be told from ordinary words. */
const SHORTEST_SECRET = 4;
/** A run of a secret from this length on is cut out, wherever in the secret it comes from. */
const SHORTEST_PIECE = 12;
/** Every n-th group of so many characters of a secret is looked for: whoever repeats twice as many repeats one of them. */
const GROUP = 6;
/** Nothing that is shown is as long: what lies behind is not looked at. */
const LONGEST_TEXT = 16_384;
const CUT = '…';
/** Of a longer secret the forms of its beginning are looked for, and the whole as it is. */
const LONGEST_ENCODED = 4_096;

/**
 * The text without the values that were sent and that it may echo: whole, or in pieces of 12 characters and more; as they are, and in
 * the forms that requests and echoes have: percent-encoded, as a form, twice, in JSON, in HTML, in base64 and base64url at any offset (so
 * in `Authorization: Basic` as well). Of a text of more than 16,384 characters the beginning is given. Whoever wants to say a secret in
 * another way still can: it was sent to them.
 */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  return redactor(secrets)(text);
}

/** {@link redact} for many texts. Of a text that is longer than `longest` characters the beginning is given. */
export function redactor(
  secrets: readonly (string | undefined)[],
  longest: number = LONGEST_TEXT,
): (text: string) => string {
  const sent = secrets.filter((secret) => secret !== undefined && secret.length >= SHORTEST_SECRET) as string[];
  if (sent.length === 0) return (text) => text;
  // Only for a text in which one could stand: a token of 64 KiB has many forms.
  let known: Known | undefined;
  return (text) => {
    if (text.length < SHORTEST_SECRET) return text;
    known ??= formsAndGroups(sent);
    const { forms, groups } = known;
    const whole = forms.reduce((clean, form) => clean.replaceAll(form, CUT), text.slice(0, longest));
    const clean = withoutPieces(whole, groups);
    // What the cut left of an echo may be too short to be known.
    return text.length > longest ? `${clean.slice(0, -2 * GROUP)}${CUT}` : clean;
  };
}

/** Parameters of a request that are credentials. */
const CREDENTIALS = [
  'assertion',
  'client_assertion',
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'refresh_token',
  'subject_token',
  'token',
];

/** The credentials in a request, for {@link redact}. */
export function credentialsIn(headers: Headers, body: unknown): string[] {
  const form = body instanceof URLSearchParams || typeof body === 'string' ? new URLSearchParams(body) : undefined;
  const sent = ['authorization', 'dpop'].map((name) => headers.get(name)?.replace(/^\w+ /, '') ?? '');
  return [...sent, ...CREDENTIALS.flatMap((name) => form?.getAll(name) ?? [])].filter((value) => value !== '');
}

/** The forms in which a value is sent and echoed. */
function formsOf(secret: string): string[] {
  if (secret.length > LONGEST_ENCODED) return [secret, ...formsOf(secret.slice(0, LONGEST_ENCODED))];
  const urls = [...new Set(urlForms(secret))];
  // The secret of `Authorization: Basic` is encoded as in a form before it becomes base64.
  const base64 = [...new Set([secret, ...urls])].flatMap(base64Of);
  const forms = [secret, ...urls, ...jsonForms(secret), ...htmlForms(secret), ...base64];
  return forms.filter(({ length }) => length >= SHORTEST_SECRET);
}

function urlForms(secret: string): string[] {
  let encoded: string;
  try {
    encoded = encodeURIComponent(secret);
  } catch {
    // Half a surrogate pair has no such form.
    return [];
  }
  const strict = encoded.replace(/[!'()*]/g, hexEscape);
  const once = [encoded, strict, strict.replaceAll('%20', '+')];
  const urls = [...once, ...once.map(encodeURIComponent)];
  return [...urls, ...urls.map((url) => url.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()))];
}

function jsonForms(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const escaped = (pattern: RegExp) => json.replace(pattern, unicodeEscape);
  // As Go and PHP write it, and as what leaves nothing but ASCII.
  return [json, json.replaceAll('/', '\\/'), escaped(/[<>&]/g), escaped(/[<>&'+]/g), escaped(/[^\x20-\x7e]/g)];
}

function htmlForms(secret: string): string[] {
  const named = secret.replace(/[&<>"]/g, (char) => ENTITIES.get(char) ?? char);
  const numbered = (base: 10 | 16) =>
    secret.replace(/[^\w.-]/gu, (char) => `&#${base === 16 ? 'x' : ''}${(char.codePointAt(0) ?? 0).toString(base)};`);
  return [
    named,
    named.replaceAll("'", '&#39;'),
    named.replaceAll("'", '&#x27;').replaceAll('/', '&#x2F;'),
    numbered(10),
    numbered(16),
  ];
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function hexEscape(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** What base64 makes of the value wherever in a longer text it stands, without the characters that its neighbours decide on. */
function base64Of(secret: string): string[] {
  const bytes = Array.from(new TextEncoder().encode(secret), (byte) => String.fromCharCode(byte)).join('');
  const texts = [0, 1, 2].map((offset) => {
    const bits = 8 * (offset + bytes.length);
    return btoa('\0'.repeat(offset) + bytes).slice(Math.ceil((8 * offset) / 6), Math.floor(bits / 6));
  });
  // A few characters of base64 could be a word.
  const long = texts.filter(({ length }) => length >= 2 * SHORTEST_SECRET);
  return [...long, ...long.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))];
}

/** Where in a form a group of characters stands. */
interface Place {
  readonly form: string;
  readonly at: number;
}

/** What is looked for. */
interface Known {
  readonly forms: readonly string[];
  readonly groups: ReadonlyMap<string, Place>;
}

function formsAndGroups(secrets: readonly string[]): Known {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((left, right) => right.length - left.length);
  return { forms, groups: groupsOf(forms) };
}

function groupsOf(forms: readonly string[]): ReadonlyMap<string, Place> {
  const groups = new Map<string, Place>();
  for (const form of forms) {
    for (let at = 0; at + GROUP <= form.length; at += GROUP) {
      const group = form.slice(at, at + GROUP);
      if (!groups.has(group)) groups.set(group, { form, at });
    }
  }
  return groups;
}

/** Cuts out what is a long enough run of one of the forms. */
function withoutPieces(text: string, groups: ReadonlyMap<string, Place>): string {
  let clean = '';
  let kept = 0;
  for (let at = 0; at + GROUP <= text.length; at += 1) {
    const found = groups.get(text.slice(at, at + GROUP));
    if (found === undefined) continue;
    const { start, end } = extend(text, { at, from: kept }, found);
    if (end - start < SHORTEST_PIECE) continue;
    clean += text.slice(kept, start) + CUT;
    kept = end;
    at = end - 1;
  }
  return clean + text.slice(kept);
}

/** The longest run around `at` that is in the form too. */
function extend(
  text: string,
  { at, from }: { readonly at: number; readonly from: number },
  found: Place,
): { readonly start: number; readonly end: number } {
  const { form } = found;
  let start = at;
  for (let inForm = found.at; start > from && inForm > 0 && text[start - 1] === form[inForm - 1]; inForm -= 1)
    start -= 1;
  let end = at + GROUP;
  for (let inForm = found.at + GROUP; end < text.length && inForm < form.length && text[end] === form[inForm]; ) {
    end += 1;
    inForm += 1;
  }
  return { start, end };
}
