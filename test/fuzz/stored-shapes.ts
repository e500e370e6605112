import fc from 'fast-check';
import { hostileText, hostileUrl, jsonOf, nested } from './hostile.js';
import { ISSUER } from './server.js';

/** What other versions, other programs and damage leave where the library keeps its own. */

const endpoint = (path: string) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(ISSUER + path) }, { weight: 1, arbitrary: hostileUrl });

export const authorizationServer = nested({
  issuer: fc.constant(ISSUER),
  authorization_endpoint: endpoint('/authorize'),
  token_endpoint: endpoint('/token'),
  code_challenge_methods_supported: fc.constant(['S256']),
});

export const client = nested({
  client_id: fc.oneof({ weight: 4, arbitrary: fc.constant('client-1') }, { weight: 1, arbitrary: hostileText }),
  client_secret: fc.oneof({ weight: 4, arbitrary: fc.constant('s3cret') }, { weight: 1, arbitrary: hostileText }),
  token_endpoint_auth_method: fc.constantFrom(
    'none',
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'x',
  ),
  client_secret_expires_at: fc.constantFrom<unknown>(0, 1, 'x'),
});

export const proofKey = nested({
  kty: fc.constant('EC'),
  alg: fc.constantFrom('ES256', 'none', '__proto__'),
  crv: fc.constant('P-256'),
  d: fc.constant('x'),
});

const context = nested({
  issuer: fc.constant(ISSUER),
  resource: fc.constant('https://mcp.example.com/mcp'),
  authorizationServer,
  client,
  registration: fc.constantFrom('dynamic', 'x'),
  requestedScope: fc.array(fc.constantFrom('read', 'write'), { maxLength: 2 }),
  account: nested({ subject: hostileText, name: hostileText }),
});
const contextWithKey = nested({
  issuer: fc.constant(ISSUER),
  authorizationServer,
  client,
  registration: fc.constant('dynamic'),
  requestedScope: fc.constant([]),
  dpop: proofKey,
});

/** A session, whose tokens are fresh, over, or of another time. */
export const storedTokens = jsonOf({
  v: fc.oneof(
    { weight: 8, arbitrary: fc.constant<unknown>(1) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(2, '1', null) },
  ),
  tokens: nested({
    accessToken: fc.oneof({ weight: 5, arbitrary: fc.constant('at-1') }, { weight: 1, arbitrary: hostileText }),
    tokenType: fc.constantFrom('bearer', 'dpop', 'x'),
    issuedAt: fc.constantFrom(1_600_000_000_000, 1_700_000_000_000, 4e12, -1),
    expiresAt: fc.constantFrom(1_600_000_000_001, 1_700_000_100_000, 4e12, -1, 1e300),
    refreshToken: fc.oneof(fc.constant('rt-1'), hostileText),
    scope: fc.array(fc.oneof(fc.constant('read'), hostileText), { maxLength: 3 }),
    context: fc.oneof(context, contextWithKey),
  }),
});

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isTextOrNothing = (value: unknown): boolean => value === undefined || isText(value);
