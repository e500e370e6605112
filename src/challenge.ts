const MAX_LENGTH = 16_384;
const MAX_CHALLENGES = 20;

/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** The scheme in lower case: `bearer`, `dpop`, `basic`, … */
  readonly scheme: string;
  /** The parameters by lower-case name, unquoted; own properties of an object without prototype. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The credentials-like value that some schemes have in place of parameters. */
  readonly token68?: string;
}

/**
 * Reads the challenges of `WWW-Authenticate`: several of them, of any scheme, with quoted pairs. Never throws; takes
 * linear time; reads at most 16 KiB and 20 challenges. Of a repeated parameter the first counts. What does not follow
 * the grammar is skipped, save what is clear all the same: a value that should be quoted, a comma that is missing
 * between two parameters.
 *
 * @param header The header's value, or what has it.
 * @returns The challenges in their order; none where the header is missing or unreadable.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110.html#section-11.6.1 | RFC 9110 section 11.6.1}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9728.html#section-5.1 | RFC 9728 section 5.1} for `resource_metadata`
 */
export function parseChallenges(header: string | null | undefined | Headers | Response): Challenge[] {
  const value = headerValue(header);
  return value === undefined ? [] : new ChallengeReader(value.slice(0, MAX_LENGTH)).read();
}

/**
 * The challenge to answer: of the Bearer and DPoP ones one that names an `error` or its `resource_metadata`, else the first; of
 * both schemes the one that was `sent`. What it does not say of `resource_metadata`, the others may.
 *
 * @param sent The scheme of the request that was refused. Default: Bearer.
 */
export function findAuthChallenge(
  challenges: readonly Challenge[],
  sent: 'bearer' | 'dpop' = 'bearer',
): Challenge | undefined {
  const candidates = [sent, sent === 'bearer' ? 'dpop' : 'bearer'].flatMap((scheme) =>
    challenges.filter((challenge) => challenge.scheme === scheme),
  );
  const telling = candidates.find(({ parameters }) => 'resource_metadata' in parameters || 'error' in parameters);
  const found = telling ?? candidates[0];
  if (found === undefined || 'resource_metadata' in found.parameters) return found;
  const metadata = candidates.find(({ parameters }) => 'resource_metadata' in parameters)?.parameters[
    'resource_metadata'
  ];
  if (metadata === undefined) return found;
  const parameters = Object.assign(Object.create(null) as Record<string, string>, found.parameters);
  return { ...found, parameters: Object.assign(parameters, { resource_metadata: metadata }) };
}

function headerValue(header: string | null | undefined | Headers | Response): string | undefined {
  if (typeof header === 'string') return header;
  if (typeof header !== 'object' || header === null) return undefined;
  const headers = 'headers' in header ? header.headers : header;
  return headers.get('www-authenticate') ?? undefined;
}

/** A cursor over the header: every method moves it forward, so the whole takes linear time. */
class ChallengeReader {
  readonly #text: string;
  readonly #challenges: Challenge[] = [];
  /** The parameters of the challenge that is being read. */
  #parameters: Record<string, string> | undefined;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Challenge[] {
    // A scheme can stand only at the beginning or after a comma; elsewhere a lone word is a leftover.
    let schemeMayFollow = true;
    while (this.#at < this.#text.length && this.#challenges.length <= MAX_CHALLENGES) {
      schemeMayFollow = this.#skipSeparators() || schemeMayFollow;
      const word = this.#run(isTokenChar).toLowerCase();
      if (word === '') this.#skipGarbage();
      else if (this.#skipEquals()) this.#addParameter(word, this.#value());
      else if (schemeMayFollow) this.#addChallenge(word);
      schemeMayFollow = false;
    }
    return this.#challenges.slice(0, MAX_CHALLENGES);
  }

  #addChallenge(scheme: string): void {
    this.#parameters = Object.create(null) as Record<string, string>;
    const token68 = this.#token68();
    this.#challenges.push({ scheme, parameters: this.#parameters, ...(token68 !== undefined && { token68 }) });
  }

  #addParameter(name: string, value: string): void {
    if (this.#parameters && !(name in this.#parameters)) this.#parameters[name] = value;
  }

  /** Skips whitespace and commas; tells whether there was a comma. */
  #skipSeparators(): boolean {
    let comma = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char === ',') comma = true;
      else if (!isSpace(char)) break;
    }
    return comma;
  }

  /** Skips one thing that is no word: a quoted string as a whole, so that nothing inside it is taken for a challenge. */
  #skipGarbage(): void {
    if (this.#text[this.#at] === '"') return void this.#quoted();
    const isForeign = this.#text.charAt(this.#at++) > '\x7f';
    // A word with a letter of another alphabet is none, and what follows that letter is no word of its own.
    if (isForeign) this.#run((char) => isTokenChar(char) || char > '\x7f');
  }

  #run(accepts: (char: string) => boolean): string {
    const start = this.#at;
    while (this.#at < this.#text.length && accepts(this.#text[this.#at] as string)) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** Whether `=` comes next, after optional whitespace; if so the cursor is moved behind it. */
  #skipEquals(): boolean {
    let at = this.#at;
    while (isSpace(this.#text[at])) at++;
    if (this.#text[at] !== '=') return false;
    this.#at = at + 1;
    return true;
  }

  #value(): string {
    this.#run(isSpace);
    if (this.#text[this.#at] === '"') return this.#quoted();
    // Servers leave URLs unquoted, which the grammar forbids but nobody can misread.
    return this.#run((char) => char !== ',' && char !== '"' && !isSpace(char));
  }

  #quoted(): string {
    let value = '';
    let from = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char !== '"' && char !== '\\') continue;
      value += this.#text.slice(from, this.#at);
      from = ++this.#at;
      if (char === '"') return value;
    }
    return value + this.#text.slice(from);
  }

  /** A token68, only where it is the whole of what the challenge says: followed by a comma or the end. */
  #token68(): string | undefined {
    const start = this.#at;
    if (this.#run(isSpace) === '') return undefined;
    const value = this.#run(isToken68Char) + this.#run((char) => char === '=');
    this.#run(isSpace);
    if (value !== '' && (this.#at >= this.#text.length || this.#text[this.#at] === ',')) return value;
    this.#at = start;
    return undefined;
  }
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}

function isTokenChar(char: string): boolean {
  return /[A-Za-z0-9!#$%&'*+\-.^_`|~]/.test(char);
}

function isToken68Char(char: string): boolean {
  return /[A-Za-z0-9\-._~+/]/.test(char);
}
