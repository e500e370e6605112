import { afterEach, describe, expect, it } from 'vitest';
import { findAuthChallenge, parseChallenges } from '../../src/challenge.js';
import { json } from '../grants/support.js';
import { closers } from '../with-oauth/support.js';
import { EVIL, GOOD, RESOURCE_METADATA, SERVER_URL, world } from './substitution-support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const THEIRS = `${EVIL}/.well-known/oauth-protected-resource`;
const metadataIn = (header: string) => findAuthChallenge(parseChallenges(header))?.parameters['resource_metadata'];
const scopeIn = (header: string) => findAuthChallenge(parseChallenges(header))?.parameters['scope'];

describe('a metadata URL that is not the challenge`s own', () => {
  const HIDDEN: readonly [string, string][] = [
    ['under a name behind a letter of another alphabet', `Bearer \u00e9resource_metadata="${THEIRS}"`],
    ['inside a realm', `Bearer realm="x, resource_metadata=${THEIRS}"`],
    ['inside a realm, behind escaped quotation marks', `Bearer realm="x\\", resource_metadata=\\"${THEIRS}\\""`],
    ['inside a realm, as a whole challenge', `Bearer realm="x, Bearer resource_metadata='${THEIRS}'"`],
    ['inside a realm that never ends', `Bearer realm="x, resource_metadata=${THEIRS}`],
    [
      'inside an error description',
      `Bearer error="invalid_token", error_description="set resource_metadata=${THEIRS}"`,
    ],
    ['inside the realm of another scheme', `Basic realm="Bearer resource_metadata=${THEIRS}"`],
    ['inside the realm of another scheme, with a comma', `Basic realm="a, Bearer resource_metadata=${THEIRS}", Bearer`],
    ['as a parameter of Basic', `Basic realm="x", resource_metadata="${THEIRS}"`],
    ['as a parameter of Basic, before a Bearer challenge', `Basic resource_metadata="${THEIRS}", Bearer realm="x"`],
    [
      'as a parameter of Digest, behind a Bearer challenge',
      `Bearer realm="x", Digest nonce="1", resource_metadata="${THEIRS}"`,
    ],
    ['as a parameter of a scheme that begins alike', `BearerX resource_metadata="${THEIRS}"`],
    ['as a parameter of a scheme that ends alike', `XBearer resource_metadata="${THEIRS}"`],
    ['as a parameter of a scheme with a hyphen', `Bearer-Token resource_metadata="${THEIRS}"`],
    ['behind a scheme without a comma', `Basic realm=x Bearer resource_metadata="${THEIRS}"`],
    ['behind a ticket', `Negotiate YWJj resource_metadata="${THEIRS}"`],
    ['before any scheme', `resource_metadata="${THEIRS}", Bearer`],
    ['as the value of a parameter without a name', `Bearer ="resource_metadata=${THEIRS}"`],
    ['under a name with a letter before it', `Bearer xresource_metadata="${THEIRS}"`],
    ['under a name with a letter behind it', `Bearer resource_metadata2="${THEIRS}"`],
    ['under an extended name (RFC 8187)', `Bearer resource_metadata*=UTF-8''${encodeURIComponent(THEIRS)}`],
    ['under a name with a hyphen', `Bearer resource-metadata="${THEIRS}"`],
    ['under a name with a space that does not break', `Bearer resource_metadata\u00a0="${THEIRS}"`],
    ['under a name behind a space that does not break', `Bearer \u00a0resource_metadata\u00a0="${THEIRS}"`],
    ['under a name with a letter of another alphabet', `Bearer r\u0435source_metadata="${THEIRS}"`],
    ['under a name in wide letters', `Bearer \uff52esource_metadata="${THEIRS}"`],
    ['under a name with a dotless i', `Bearer resource_metadata\u0131="${THEIRS}"`],
    ['under a name with a Kelvin sign', `Bearer resource_metadata\u212a="${THEIRS}"`],
    ['under a name that is cut', `Bearer resource_metadat="${THEIRS}"`],
    ['under an escaped name', `Bearer resource%5Fmetadata="${THEIRS}"`],
    ['as a colon`s value', `Bearer resource_metadata: "${THEIRS}"`],
    ['behind the sixteenth kibibyte', `Bearer realm="${'x'.repeat(17_000)}", resource_metadata="${THEIRS}"`],
  ];

  it.each(HIDDEN)('%s is not found', (_, header) => {
    expect(metadataIn(header) ?? '').not.toContain('evil');
  });

  it.each(
    HIDDEN.filter(([, header]) => /^[\x20-\x7e\xa0-\xff]*$/.test(header) && header.length < 16_000),
  )('%s is not asked in a sign-in', async (_, header) => {
    const at = closing(world({}, { [SERVER_URL]: () => json({}, 401, { 'www-authenticate': header }) }));
    await expect(at.begin()).resolves.toMatchObject({ origin: GOOD });
    expect(at.sent.filter(({ url }) => url.startsWith(EVIL))).toEqual([]);
  });

  it.each([
    ['a second time', `Bearer resource_metadata="${RESOURCE_METADATA}", resource_metadata="${THEIRS}"`],
    ['a second time in capitals', `Bearer resource_metadata="${RESOURCE_METADATA}", Resource_Metadata="${THEIRS}"`],
    ['in a second challenge', `Bearer resource_metadata="${RESOURCE_METADATA}", Bearer resource_metadata="${THEIRS}"`],
    [
      'in a second challenge with an error',
      `Bearer resource_metadata="${RESOURCE_METADATA}", Bearer error="invalid_token", resource_metadata="${THEIRS}"`,
    ],
    [
      'in a DPoP challenge behind it',
      `Bearer resource_metadata="${RESOURCE_METADATA}", DPoP error="x", resource_metadata="${THEIRS}"`,
    ],
  ])('%s: the first one counts', (_, header) => {
    expect(metadataIn(header)).toBe(RESOURCE_METADATA);
  });

  it('on another header line, of another scheme, does not become the Bearer challenge`s', () => {
    const headers = new Headers([
      ['www-authenticate', 'Bearer realm="x"'],
      ['www-authenticate', `Negotiate, Basic realm="y", resource_metadata="${THEIRS}"`],
      ['www-authenticate', 'NTLM'],
    ]);
    expect(findAuthChallenge(parseChallenges(headers))?.parameters).not.toHaveProperty('resource_metadata');
  });

  it('is found where it is meant, whatever stands around it', () => {
    const own = `resource_metadata="${RESOURCE_METADATA}"`;
    for (const header of [
      `Negotiate YWJj==, Bearer ${own}`,
      `Basic realm="Bearer ${'x'.repeat(50)}", BEARER realm="\\"", ${own}`,
      `bearer RESOURCE_METADATA = "${RESOURCE_METADATA}"`,
      `, ,Bearer ${own},`,
    ]) {
      expect(metadataIn(header)).toBe(RESOURCE_METADATA);
    }
  });
});

describe('a metadata URL of the challenge', () => {
  it.each([
    'file:///etc/passwd',
    'data:application/json,{"resource":"https://mcp.example.com/mcp"}',
    'javascript:alert(1)',
    'acme-ide://x',
    'http://mcp.example.com/metadata',
    'http://169.254.169.254/latest/meta-data/',
    'https://[::ffff:169.254.169.254]/',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://user:password@mcp.example.com/metadata',
    'https://10.0.0.1/metadata',
    '/metadata',
    '',
    `https://mcp.example.com/${'x'.repeat(9_000)}`,
  ])('%s is refused: it is neither asked nor replaced by guesses', async (url) => {
    const header = `Bearer resource_metadata="${url}"`;
    const at = closing(world({}, { [SERVER_URL]: () => json({}, 401, { 'www-authenticate': header }) }));
    await expect(at.begin()).rejects.toMatchObject({
      code: expect.stringMatching(/^(address_refused|resource_metadata_failed)$/),
      stage: 'discovery',
    });
    expect(at.sent.filter((one) => one.url !== SERVER_URL)).toEqual([]);
  });
});

describe('a scope that is not the challenge`s own', () => {
  it.each([
    ['inside a realm', 'Bearer realm="x, scope=admin"'],
    ['of another scheme', 'Basic scope="admin", Bearer'],
    ['under a name that ends alike', 'Bearer xscope="admin"'],
    ['under an extended name', "Bearer scope*=UTF-8''admin"],
    ['under a name with a letter of another alphabet', 'Bearer \u0455cope="admin"'],
    ['a second time', 'Bearer scope="mcp:read", scope="admin"'],
    ['in a second challenge', 'Bearer error="x", scope="mcp:read", Bearer scope="admin"'],
  ])('%s is not asked for', (_, header) => {
    expect(scopeIn(header) ?? '').not.toContain('admin');
  });

  it('with what no scope may be in it: only the rest is asked for', async () => {
    const header = 'Bearer scope="mcp:read a\\"b \u00e9 c\\\\d mcp:write"';
    const at = closing(world({}, { [SERVER_URL]: () => json({}, 401, { 'www-authenticate': header }) }));
    expect((await at.begin()).searchParams.get('scope')).toBe('mcp:read mcp:write');
  });
});
