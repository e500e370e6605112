import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAuthChallenge, parseChallenges } from '../../src/challenge.js';
import { holds, must } from './harness.js';
import { hostileText, hugeText, mutated } from './hostile.js';

const TOKEN_CHARACTERS = [..."abcXYZ019!#$%&'*+-.^_`|~"];
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 8 });
const name = fc.oneof(
  fc.constantFrom('realm', 'error', 'scope', 'resource_metadata', '__proto__', 'constructor'),
  token,
);
const scheme = fc.oneof(fc.constantFrom('Bearer', 'DPoP', 'Basic', 'bEARER', 'Negotiate'), token);

/** What may stand in a quoted string, once it is escaped: everything but what no header can carry. */
const quotable = hostileText.map((text) => text.replace(/(?!\t)\p{Cc}/gu, ''));

interface Written {
  readonly scheme: string;
  readonly parameters: readonly (readonly [string, string])[];
  readonly token68?: string;
}

const written: fc.Arbitrary<Written> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ scheme, parameters: fc.array(fc.tuple(name, quotable), { maxLength: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      scheme,
      parameters: fc.constant([]),
      token68: fc
        .tuple(fc.string({ unit: fc.constantFrom(...'abZ09-._~+/'), minLength: 1, maxLength: 9 }), fc.nat(2))
        .map(([text, pads]) => text + '='.repeat(pads)),
    }),
  },
);

/** Each way of writing that RFC 9110 allows, by turns. */
function write(challenges: readonly Written[], styles: readonly number[]): string {
  let turn = 0;
  const style = (count: number) => (styles[turn++ % styles.length] ?? 0) % count;
  const pick = (...choices: readonly string[]) => choices[style(choices.length)] ?? '';
  const parameter = ([key, value]: readonly [string, string]) => {
    const equals = pick('=', ' =', '= ', '\t=\t');
    const plain = value !== '' && [...value].every((char) => TOKEN_CHARACTERS.includes(char)) && style(2) === 0;
    const every = style(4) === 0;
    const escaped = value.replace(every ? /[\s\S]/g : /["\\]/g, '\\$&');
    return `${key}${equals}${plain ? value : `"${escaped}"`}`;
  };
  return challenges
    .map(({ scheme: word, parameters, token68 }) => {
      if (token68 !== undefined) return `${word} ${token68}`;
      const list = parameters.map(parameter).join(pick(',', ', ', ' ,\t', ',,', ', ,'));
      return list === '' ? word : `${word}${pick(' ', '  ')}${list}`;
    })
    .join(pick(', ', ',', ' , ', ',,'));
}

const styles = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 12 });
const header = fc.tuple(fc.array(written, { maxLength: 4 }), styles).map(([list, ways]) => write(list, ways));

describe('WWW-Authenticate', () => {
  it('whatever stands in the header, reading it ends, throws nothing and gives bounded challenges', () =>
    holds(fc.oneof({ weight: 6, arbitrary: mutated(header) }, { weight: 1, arbitrary: hugeText }), (text) => {
      const challenges = parseChallenges(text);
      must(challenges.length <= 20, 'more than 20 challenges');
      for (const { scheme: word, parameters, token68 } of challenges) {
        must(/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(word), `${JSON.stringify(word)} is no scheme`);
        must(Object.getPrototypeOf(parameters) === null, 'the parameters have a prototype');
        for (const [key, value] of Object.entries(parameters)) {
          must(/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(key), `${JSON.stringify(key)} is no name`);
          must(typeof value === 'string' && value.length <= 16_384, 'a value is unbounded');
        }
        must(token68 === undefined || /^[\w\-.~+/]+=*$/.test(token68), 'no token68');
      }
      for (const sent of ['bearer', 'dpop'] as const) {
        const found = findAuthChallenge(challenges, sent);
        const answerable = challenges.some(({ scheme: word }) => word === 'bearer' || word === 'dpop');
        must((found !== undefined) === answerable, 'the wrong number of challenges to answer');
        must(found === undefined || ['bearer', 'dpop'].includes(found.scheme), 'a challenge of another scheme');
      }
    }));

  it('what a correct server writes is read back exactly, in every way of writing it', () =>
    holds(fc.tuple(fc.array(written, { maxLength: 5 }), styles), ([challenges, ways]) => {
      const read = parseChallenges(write(challenges, ways));
      const meant = challenges.map(({ scheme: word, parameters, token68 }) => {
        const first = new Map<string, string>();
        for (const [key, value] of parameters) if (!first.has(key.toLowerCase())) first.set(key.toLowerCase(), value);
        return { scheme: word.toLowerCase(), parameters: [...first], ...(token68 !== undefined && { token68 }) };
      });
      expect(read.map((one) => ({ ...one, parameters: Object.entries(one.parameters).sort() }))).toEqual(
        meant.map((one) => ({ ...one, parameters: one.parameters.sort() })),
      );
    }));

  it('what stands inside a quoted string is never read as a parameter or a challenge', () =>
    holds(fc.tuple(fc.oneof(header, quotable), scheme), ([inside, word]) => {
      const escaped = inside.replace(/["\\]/g, '\\$&');
      must(parseChallenges(`"${escaped}"`).length === 0, 'a challenge came out of a quoted string by itself');
      const [only, ...others] = parseChallenges(`${word} realm="${escaped}", error="invalid_token"`);
      must(others.length === 0, 'a challenge came out of a quoted string');
      expect(Object.entries(only?.parameters ?? {})).toEqual([
        ['realm', inside],
        ['error', 'invalid_token'],
      ]);
    }));
});
