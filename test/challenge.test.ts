import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Challenge, findAuthChallenge, parseChallenges } from '../src/challenge.js';

/** Challenges as plain objects, to compare with. */
function plain(challenges: readonly Challenge[]) {
  return challenges.map((challenge) => ({ ...challenge, parameters: { ...challenge.parameters } }));
}

describe('parseChallenges (RFC 9110 section 11.6.1)', () => {
  it('reads the challenge of an MCP server', () => {
    const header =
      'Bearer error="insufficient_scope", scope="files:read files:write", ' +
      'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"';
    expect(plain(parseChallenges(header))).toEqual([
      {
        scheme: 'bearer',
        parameters: {
          error: 'insufficient_scope',
          scope: 'files:read files:write',
          resource_metadata: 'https://mcp.example.com/.well-known/oauth-protected-resource',
        },
      },
    ]);
  });

  it('reads the example of RFC 9110: two schemes, and text inside a quoted string that looks like a third', () => {
    const header = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\", Basic realm=x"';
    expect(plain(parseChallenges(header))).toEqual([
      { scheme: 'basic', parameters: { realm: 'simple' } },
      { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps", Basic realm=x' } },
    ]);
  });

  it.each([
    ['Negotiate', [{ scheme: 'negotiate', parameters: {} }]],
    [
      'Negotiate,Bearer',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'bearer', parameters: {} },
      ],
    ],
    ['Negotiate oYG2MIGz+/=', [{ scheme: 'negotiate', parameters: {}, token68: 'oYG2MIGz+/=' }]],
    [
      'NTLM TlRMTVNTUAA==, Bearer realm="x"',
      [
        { scheme: 'ntlm', parameters: {}, token68: 'TlRMTVNTUAA==' },
        { scheme: 'bearer', parameters: { realm: 'x' } },
      ],
    ],
    [
      ' , ,Bearer  realm = "x" ,, ERROR = invalid_token,',
      [{ scheme: 'bearer', parameters: { realm: 'x', error: 'invalid_token' } }],
    ],
    ['Bearer realm="a", realm="b", Realm="c"', [{ scheme: 'bearer', parameters: { realm: 'a' } }]],
    ['Bearer realm=""', [{ scheme: 'bearer', parameters: { realm: '' } }]],
    ['Bearer realm="a\\\\b\\c"', [{ scheme: 'bearer', parameters: { realm: 'a\\bc' } }]],
  ])('reads %s', (header, expected) => {
    expect(plain(parseChallenges(header))).toEqual(expected);
  });

  it.each([
    [
      'a URL without quotes',
      'Bearer resource_metadata=https://a.example/x?y=z, error=invalid_token',
      { resource_metadata: 'https://a.example/x?y=z', error: 'invalid_token' },
    ],
    ['a missing comma', 'Bearer realm="x" error="invalid_token"', { realm: 'x', error: 'invalid_token' }],
    ['words without a meaning', 'Bearer realm="x" junk @@ "Basic y=z" error="e"', { realm: 'x', error: 'e' }],
    ['an open quote', 'Bearer realm="x, error="', { realm: 'x, error=' }],
    ['an escape at the end', 'Bearer realm="x\\', { realm: 'x' }],
  ])('makes the best of %s', (_, header, parameters) => {
    expect(plain(parseChallenges(header))).toEqual([{ scheme: 'bearer', parameters }]);
  });

  it('takes what has the header: several lines of it are one list', () => {
    const headers = new Headers([
      ['www-authenticate', 'Basic realm="a"'],
      ['www-authenticate', 'Bearer error="invalid_token"'],
    ]);
    expect(parseChallenges(headers).map(({ scheme }) => scheme)).toEqual(['basic', 'bearer']);
    expect(parseChallenges(new Response(null, { headers })).map(({ scheme }) => scheme)).toEqual(['basic', 'bearer']);
    for (const nothing of [null, undefined, '', new Headers()]) expect(parseChallenges(nothing)).toEqual([]);
  });

  it('keeps parameters apart from what objects inherit', () => {
    const [challenge] = parseChallenges('Bearer __proto__="x", constructor="y"');
    expect(Object.getPrototypeOf(challenge?.parameters)).toBeNull();
    expect(challenge?.parameters['constructor']).toBe('y');
    expect(Object.keys(challenge?.parameters ?? {})).toEqual(['__proto__', 'constructor']);
    expect('toString' in (challenge?.parameters ?? {})).toBe(false);
  });

  it('is bounded: 20 challenges, 16 KiB', () => {
    expect(parseChallenges(Array.from({ length: 50 }, (_, n) => `S${n} realm="x"`).join(', '))).toHaveLength(20);
    const late = `Bearer a="${'x'.repeat(16_384)}", error="late"`;
    expect(parseChallenges(late)[0]?.parameters['error']).toBeUndefined();
  });

  it('never throws, whatever is sent', () => {
    const piece = fc.constantFrom(
      'Bearer',
      ' ',
      ',',
      '=',
      '"',
      '\\',
      'realm',
      'a=b',
      'x="y"',
      'dG9r==',
      '\t',
      'é',
      '\u0000',
    );
    const header = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => String.fromCharCode(...bytes)),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(header, (text) => {
        for (const { scheme, parameters, token68 } of parseChallenges(text)) {
          expect(scheme).toMatch(/^[a-z0-9!#$%&'*+\-.^_`|~]+$/);
          for (const value of [...Object.values(parameters), token68 ?? ''])
            expect(value.length).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reads back what is written by the grammar', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
    const parameters = fc.dictionary(token, fc.string({ maxLength: 12 }), {
      minKeys: 1,
      maxKeys: 5,
    });
    const challenges = fc.array(fc.record({ scheme: token, parameters }), { minLength: 1, maxLength: 4 });
    const quote = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`;
    fc.assert(
      fc.property(challenges, (written) => {
        const header = written
          .map(
            ({ scheme, parameters: named }) =>
              `${scheme} ${Object.entries(named)
                .map(([name, value]) => `${name}=${quote(value)}`)
                .join(', ')}`,
          )
          .join(', ');
        expect(plain(parseChallenges(header))).toEqual(
          written.map((one) => ({ ...one, parameters: { ...one.parameters } })),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('takes linear time: the worst inputs of 16 KiB stay far below what a quadratic reader needs', () => {
    const worst = [
      'a '.repeat(8192),
      '"\\'.repeat(8192),
      'a='.repeat(8192),
      `a${' '.repeat(16_383)}`,
      'a,'.repeat(8192),
      '="'.repeat(8192),
    ];
    const started = performance.now();
    for (const text of worst) parseChallenges(text);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('findAuthChallenge', () => {
  const find = (header: string) => findAuthChallenge(parseChallenges(header));

  it('prefers the Bearer challenge that names an error or its resource metadata', () => {
    expect(
      find('DPoP error="x", Basic realm="b", Bearer realm="c", Bearer resource_metadata="https://d.example"')
        ?.parameters,
    ).toEqual(expect.objectContaining({ resource_metadata: 'https://d.example' }));
    expect(find('Bearer realm="a", Bearer error="invalid_token"')?.parameters['error']).toBe('invalid_token');
  });

  it('takes any Bearer challenge, then a DPoP one, and no other', () => {
    expect(find('DPoP algs="ES256", Bearer')?.scheme).toBe('bearer');
    expect(find('Basic realm="x", DPoP algs="ES256"')?.scheme).toBe('dpop');
    expect(find('Basic realm="x"')).toBeUndefined();
    expect(findAuthChallenge([])).toBeUndefined();
  });

  const parametersOf = (header: string, sent?: 'bearer' | 'dpop') => ({
    ...findAuthChallenge(parseChallenges(header), sent)?.parameters,
  });

  it('takes what a DPoP challenge says, where the Bearer one says nothing', () => {
    expect(parametersOf('Bearer, DPoP algs="ES256", resource_metadata="https://d.example", scope="a"')).toEqual({
      algs: 'ES256',
      resource_metadata: 'https://d.example',
      scope: 'a',
    });
  });

  it('prefers the one for the scheme that was sent', () => {
    const both = 'Bearer error="invalid_token", DPoP error="insufficient_scope", scope="a b"';
    expect(parametersOf(both, 'dpop')).toEqual({ error: 'insufficient_scope', scope: 'a b' });
    expect(parametersOf(both)).toEqual({ error: 'invalid_token' });
    expect(find('DPoP algs="ES256", Bearer')?.scheme).toBe('bearer');
    expect(findAuthChallenge(parseChallenges('Bearer, DPoP algs="ES256"'), 'dpop')?.scheme).toBe('dpop');
  });

  it('takes resource_metadata from another one, where its own does not name it', () => {
    expect(parametersOf('DPoP error="invalid_token", Bearer resource_metadata="https://d.example"', 'dpop')).toEqual({
      error: 'invalid_token',
      resource_metadata: 'https://d.example',
    });
    expect(parametersOf('Basic resource_metadata="https://d.example", DPoP error="invalid_token"')).toEqual({
      error: 'invalid_token',
    });
  });
});
