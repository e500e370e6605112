import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { redact } from '../../src/http/redact.js';
import { describeAnswer, readErrorAnswer } from '../../src/oauth-error.js';

const SECRETS = {
  'a token': randomBytes(32).toString('base64url'),
  'a token in base64': `${randomBytes(30).toString('base64')}/+==`,
  'a password': `p@ss/w+rd=1!&<"it's">%`,
  'words with spaces': 'correct horse (battery) staple*',
  'a JWT': ['{"alg":"ES256"}', '{"sub":"somebody","exp":1}', 'signature-of-32-bytes-or-so-1234']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.'),
  'letters of another script': 'пароль-密码-🔑-geheim',
} as const;

const form = (value: string) => String(new URLSearchParams({ value })).slice('value='.length);
const html = (value: string) =>
  value.replace(/[&<>"']/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? '&#39;');

/** How a server, or what stands before it, may write a value down. */
const ECHOES = {
  'as it is': (value: string) => value,
  'percent-encoded': encodeURIComponent,
  'percent-encoded in lower case': (value: string) =>
    encodeURIComponent(value).replace(/%../g, (octet) => octet.toLowerCase()),
  'percent-encoded twice': (value: string) => encodeURIComponent(encodeURIComponent(value)),
  'as a form': form,
  'as JSON in a text': (value: string) => JSON.stringify(value).slice(1, -1),
  'as JSON of PHP': (value: string) => JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
  'as HTML': html,
  'as HTML with numbers': (value: string) =>
    value.replace(/[^\w.-]/gu, (char) => `&#x${char.codePointAt(0)?.toString(16)};`),
  'in base64': (value: string) => Buffer.from(value).toString('base64'),
  'in base64url': (value: string) => Buffer.from(value).toString('base64url'),
  'as HTTP Basic': (value: string) => Buffer.from(`client-1:${form(value)}`).toString('base64'),
  'as HTTP Basic of another name': (value: string) => Buffer.from(`client-12:${value}`).toString('base64'),
  'as HTTP Basic of a third name': (value: string) => Buffer.from(`client:${value}`).toString('base64'),
  'cut before its end': (value: string) => value.slice(0, -3),
  'without its beginning': (value: string) => value.slice(4),
  'folded into lines': (value: string) => value.replace(/.{16}/gs, '$&\n'),
} as const;

/** Whether a run of twelve characters of the written secret is left; of short ones the whole. */
function isShown(text: string, written: string): boolean {
  const length = Math.min(12, written.length);
  for (let at = 0; at + length <= written.length; at += 1) {
    if (text.includes(written.slice(at, at + length))) return true;
  }
  return false;
}

describe('a server that echoes our own request', () => {
  for (const [kind, secret] of Object.entries(SECRETS)) {
    it.each(Object.keys(ECHOES) as (keyof typeof ECHOES)[])(`${kind} that a server repeats %s is cut out`, (how) => {
      const written = ECHOES[how](secret);
      const text = `You sent [${written}], which is wrong.`;
      const shown = redact(text, [secret]);
      // The client's name is no secret; what is folded has no longer runs than its lines.
      const secretPart = how.startsWith('as HTTP Basic') ? written.slice(16) : written;
      for (const line of secretPart.split('\n')) expect(line.length >= 12 && isShown(shown, line)).toBe(false);
      expect(shown).toMatch(/^You sent \[.*\], which is wrong\.$/s);
    });
  }

  it('a secret that the bound of an excerpt would split shows no part of itself', async () => {
    const secret = SECRETS['a token'];
    for (let before = 150; before <= 210; before += 1) {
      const error_description = `${'x'.repeat(before)}${secret} and so on`;
      const answer = await readErrorAnswer(Response.json({ error: 'invalid_grant', error_description }), [secret]);
      expect(isShown(describeAnswer(answer), secret)).toBe(false);
    }
  });

  it('a secret at the end of what is looked at shows no part of itself', () => {
    const secret = SECRETS['a token'];
    for (let before = 16_330; before <= 16_390; before += 1) {
      expect(redact(`${'x'.repeat(before)}${secret}`, [secret])).not.toContain(secret.slice(0, 4));
    }
  });

  it('a body of a whole megabyte and a secret of 64 KiB are gone through in no time', () => {
    const secret = randomBytes(48_000).toString('base64url');
    const started = performance.now();
    expect(redact(secret.repeat(16), [secret, secret.slice(1)])).not.toContain(secret.slice(0, 12));
    expect(redact('aaaa'.repeat(262_144), ['a'.repeat(65_536)])).not.toContain('a'.repeat(12));
    expect(performance.now() - started).toBeLessThan(15_000);
  }, 30_000);

  it('an OAuth error code that is the secret itself is left out', async () => {
    const secret = 'tok3n-of-somebody';
    const answer = await readErrorAnswer(Response.json({ error: `bad ${secret}` }, { status: 400 }), [secret]);
    expect(answer.error).toBeUndefined();
    expect(describeAnswer(answer)).not.toContain(secret);
  });

  it('words that are no part of a secret stay as they are', () => {
    const text = 'The refresh token is expired, revoked or unknown (request 4711-aa-52).';
    expect(redact(text, Object.values(SECRETS))).toBe(text);
    expect(redact(text, [undefined, '', 'is'])).toBe(text);
  });
});
