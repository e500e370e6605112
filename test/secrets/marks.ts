import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

/** Names of members whose values are secrets, wherever they turn up in what is stored. */
const SECRET_MEMBER = /^(d|.*verifier|.*secret|.*(access|refresh|id)_?token|assertion)$/i;

/** A secret that a run used, and the places in which nothing of it may stand. */
export interface Leak {
  readonly where: string;
  readonly kind: string;
  readonly what: string;
  readonly around: string;
}

/** The secrets of one run. */
export class Marks {
  readonly #needles = new Map<string, string>();

  /** A new secret, which nothing else contains. */
  make(kind: string): string {
    return this.add(kind, randomBytes(24).toString('base64url'));
  }

  add(kind: string, secret: string): string {
    for (const needle of needlesOf(secret)) if (!this.#needles.has(needle)) this.#needles.set(needle, kind);
    return secret;
  }

  /** The secrets in a form that was sent. */
  learnForm(body: string): void {
    const form = new URLSearchParams(body);
    for (const name of ['code_verifier', 'client_assertion', 'assertion', 'subject_token', 'refresh_token']) {
      const value = form.get(name);
      if (value !== null) this.add(name, value);
    }
  }

  /** The secrets in what was stored. */
  learnStored(text: string): void {
    if (text.startsWith('{')) walk(JSON.parse(text), (name, value) => this.add(`${name} in the store`, value));
  }

  /** What each secret is known by. */
  get needles(): readonly (readonly [needle: string, kind: string])[] {
    return [...this.#needles];
  }

  get size(): number {
    return this.#needles.size;
  }

  /** Every secret in `text`, as it is or in base64. */
  in(where: string, text: string): Leak[] {
    const leaks: Leak[] = [];
    for (const [needle, kind] of this.#needles) {
      const at = text.indexOf(needle);
      if (at >= 0) leaks.push({ where, kind, what: needle, around: text.slice(Math.max(0, at - 80), at + 80) });
    }
    return leaks;
  }
}

function walk(value: unknown, found: (name: string, value: string) => void, name = ''): void {
  if (typeof value === 'string') {
    if (SECRET_MEMBER.test(name) && value.length >= 16) found(name, value);
    if (value.startsWith('{')) walk(JSON.parse(value), found);
  } else if (typeof value === 'object' && value !== null) {
    for (const [member, inner] of Object.entries(value)) walk(inner, found, member);
  }
}

/** Parts by which a secret is known, if it was cut or put into other words. */
function needlesOf(secret: string): string[] {
  const parts = secret.split('.');
  // The head of a JWT is no secret, and many have the same.
  const bodies = parts.length === 3 ? parts.slice(1) : [secret];
  return bodies.flatMap((body) => {
    const bytes = Buffer.from(body);
    const base64 = [0, 1, 2].map((offset) =>
      Buffer.concat([Buffer.alloc(offset), bytes])
        .toString('base64url')
        .slice(4, -4)
        .slice(0, 16),
    );
    return [body.slice(0, 14), body.slice(-14), ...base64].filter(({ length }) => length >= 12);
  });
}

/** Everything that a value can be made to say by those who log it. */
export function everythingOf(value: unknown): string {
  const said = [inspect(value, ALL), inspect(value), String(value), json(value)];
  const seen = new Set<unknown>();
  for (const queue: unknown[] = [value]; queue.length > 0; ) {
    const at = queue.pop();
    if (!(at instanceof Error) || seen.has(at)) continue;
    seen.add(at);
    said.push(at.message, String(at.stack), json(at), inspect(at, ALL));
    // Members that nobody lists, too.
    for (const name of Reflect.ownKeys(at)) said.push(inspect(Reflect.get(at, name), ALL));
    queue.push(at.cause, ...(at instanceof AggregateError ? at.errors : []));
  }
  return said.join('\n');
}

const ALL = {
  depth: Number.POSITIVE_INFINITY,
  showHidden: true,
  maxArrayLength: null,
  maxStringLength: null,
  breakLength: Number.POSITIVE_INFINITY,
} as const;

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch (error) {
    return String(error);
  }
}
