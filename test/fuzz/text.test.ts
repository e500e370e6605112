import fc from 'fast-check';
import { describe, it } from 'vitest';
import { printable, printableLines, safeJson } from '../../src/cli/printable.js';
import { retryAfterMs } from '../../src/http/index.js';
import { redact } from '../../src/http/redact.js';
import { displayUrl, excerpt, pageExcerpt } from '../../src/http/text.js';
import { createPages } from '../../src/loopback/page.js';
import { displayText, escapeHtml } from '../../src/loopback/text.js';
import { generateCodeChallenge, generateCodeVerifier, generateState } from '../../src/pkce.js';
import { assertScope, coversScope, formatScope, parseScope, unionScopes } from '../../src/scope.js';
import { holds, must, outcome, UNSAFE } from './harness.js';
import { hostileText, hostileUrl, hugeText, mutated } from './hostile.js';
import { retryAfter } from './server.js';

const anyText = fc.oneof({ weight: 8, arbitrary: hostileText }, { weight: 1, arbitrary: hugeText });
const page = mutated(
  fc
    .array(
      fc.oneof(
        fc.constantFrom('<style>', '</style>', '<script', '</script>', '<', '>', '<a href="', '">'),
        hostileText,
      ),
    )
    .map((parts) => parts.join('')),
);

function assertShown(text: string, longest: number): void {
  must(!UNSAFE.test(text), `has what steers a terminal: ${JSON.stringify(text)}`);
  must(text.length <= longest, `has ${text.length} characters`);
}

describe('text from elsewhere', () => {
  it('an excerpt is bounded and has nothing that steers a terminal or hides text', () =>
    holds(fc.tuple(anyText, fc.nat(500)), ([text, max]) => {
      assertShown(excerpt(text, max), max + 1);
      assertShown(excerpt(text), 201);
    }));

  it('the words of a page are bounded, on one line and without tags', () =>
    holds(fc.oneof(page, anyText), (body) => {
      const words = pageExcerpt(body);
      assertShown(words, 201);
      must(!/<\w[^>]*>/.test(words), 'a tag is left');
    }));

  it('a URL is shown without credentials, query and fragment, and bounded', () =>
    holds(
      fc.tuple(hostileUrl, fc.constantFrom('', 'user:s3cret-w0rd@', '?code=s3cret-w0rd', '#s3cret-w0rd')),
      ([url, secret]) => {
        const withSecret = secret.endsWith('@') ? url.replace('//', `//${secret}`) : url + secret;
        const shown = displayUrl(withSecret);
        assertShown(shown, 201);
        // In a scheme without authority a path is all there is.
        if (/^https?:\/\/[\w.:@-]+\//.test(withSecret))
          must(!shown.includes('s3cret-w0rd'), `shows the secret: ${shown}`);
      },
    ));

  it('an echoed secret is cut out, plain or percent-encoded, whatever it is made of', () =>
    holds(fc.tuple(anyText, fc.oneof(fc.string({ minLength: 4 }), hostileText), anyText), ([before, secret, after]) => {
      const clean = redact(`${before} ${secret} ${after}`, [undefined, secret]);
      if (secret.length >= 4 && !'…'.includes(secret) && !before.includes(secret) && !after.includes(secret)) {
        must(!clean.includes(` ${secret} `), 'the secret is still there');
      }
    }));

  it('what the command prints has no control character; its JSON reads back to the same value', () =>
    holds(anyText, (text) => {
      must(!/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(printable(text)), 'a control character');
      must(!/[^\n\t\P{Cc}]/u.test(printableLines(text)), 'a control character');
      const json = safeJson({ text });
      must(!/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(json), 'a control character in JSON');
      must((JSON.parse(json) as { text: string }).text === text, 'another text');
    }));

  it('a callback page holds no markup of a name, a title or a detail', () =>
    holds(fc.tuple(anyText, anyText, anyText), ([name, title, detail]) => {
      const pages = createPages(name);
      const plain =
        createPages('x')
          .failure('x', 'x')
          .html.match(/<[^>]*>/g)?.length ?? 0;
      const { html } = pages.failure(title, detail);
      // A name, a title or a detail that is empty once it is cleaned has no element; none has more.
      must((html.match(/<[^>]*>/g)?.length ?? 0) <= plain, 'an element more than the page has');
      must(!/(?!\n)[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(html), 'a control character');
      must(html.length < 12_000, 'an unbounded page');
      must(!/[<>"']/.test(escapeHtml(text(title))), 'a mark is left');
      must([...displayText(title, 50)].length <= 50, 'an unbounded text');
    }));
});

const text = (value: string) => displayText(value, 200);

const scopeText = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom('read', 'write', 'offline_access', 'a b', '"', '\\', 'x'.repeat(513)), hostileText))
    .map((list) => list.join(' ')),
  fc.array(fc.nat(999), { minLength: 200, maxLength: 700 }).map((list) => list.map((one) => `s${one}`).join(' ')),
  anyText,
);

describe('scopes', () => {
  it('whatever a scope text holds, what is read of it is bounded, of the grammar, each once, and stays the same when written and read again', () =>
    holds(fc.tuple(scopeText, scopeText), ([one, other]) => {
      const scopes = parseScope(one);
      must(scopes.length <= 256 && new Set(scopes).size === scopes.length, 'too many, or one twice');
      must(
        scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(scope)),
        'no scope',
      );
      if (formatScope(scopes).length <= 16_384)
        must(formatScope(parseScope(formatScope(scopes))) === formatScope(scopes), 'another scope');
      const union = unionScopes(scopes, parseScope(other));
      must(union.length <= 256, 'the union is unbounded');
      must(coversScope(union, scopes), 'the union lost a scope');
      must(coversScope([...scopes, ...parseScope(other)], union), 'the union has a scope that nobody named');
    }));

  it('an application whose scope would be cut is told so, with a typed error', () =>
    holds(scopeText, async (scope) => {
      const kept = await outcome(() => assertScope(scope), ['invalid_options']);
      const given = new Set(scope.split(' ').filter((one) => one !== ''));
      must((kept !== undefined) === (parseScope(scope).length === given.size), 'a scope was lost without a word');
    }));
});

describe('small parsers', () => {
  it('Retry-After never asks for less than nothing or for more than 30 s', () =>
    holds(fc.tuple(retryAfter, fc.double({ noNaN: true, min: 0, max: 4e12 })), ([value, now]) => {
      const wait = retryAfterMs(new Response(null, { headers: { 'retry-after': value } }), now);
      must(wait === undefined || (wait >= 0 && wait <= 30_000), `${wait} ms`);
    }));

  it('a code verifier of another grammar is refused, one of the grammar has a challenge of 43 characters', () =>
    holds(
      fc.oneof(hostileText, fc.string({ unit: fc.constantFrom(...'aZ09-._~'), maxLength: 140 })),
      async (verifier) => {
        const made = await outcome(() => generateCodeChallenge(verifier), ['invalid_options']);
        must((made !== undefined) === /^[\w\-.~]{43,128}$/.test(verifier), 'judged wrongly');
        must(made === undefined || /^[\w-]{43}$/.test(made.value), 'no challenge');
        must(/^[\w-]{43}$/.test(generateCodeVerifier()) && /^[\w-]{43}$/.test(generateState()), 'no verifier');
      },
    ));
});
