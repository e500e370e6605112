import fc from 'fast-check';
import { describe, it } from 'vitest';
import { validateCallback } from '../../src/grants/callback.js';
import { requestClientCredentials } from '../../src/grants/client-credentials.js';
import { requestDeviceAuthorization } from '../../src/grants/device-authorization.js';
import { pollDeviceTokens } from '../../src/grants/device-tokens.js';
import { exchangeCode } from '../../src/grants/exchange-code.js';
import { refreshTokens } from '../../src/grants/refresh-tokens.js';
import { revokeToken } from '../../src/grants/revoke-token.js';
import type { TokenResult } from '../../src/grants/token-response.js';
import { decodeTokens, encodeTokens } from '../../src/tokens/token-codec.js';
import { assertTyped, holds, must, outcome } from './harness.js';
import { hostileText, hostileUrl, hugeText, wellFormed } from './hostile.js';
import { type Answer, answerOf, FakeNetwork, ISSUER } from './server.js';

const REFRESH_TOKEN = 'rt-5f4dcc3b5aa765d61d83';
const CODE = 'code-7c6a180b36896a0a8c02';
const VERIFIER = 'verifier-d8578edf8458ce06fbc5bb76a58c5ca4_43ch';
const SECRET = 'client-96e79218965eb72c92a5';
const DEVICE_CODE = 'device-e10adc3949ba59abbe56';
const SECRETS = [REFRESH_TOKEN, CODE, VERIFIER, SECRET, DEVICE_CODE];

const authorizationServer = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}/token`,
  revocation_endpoint: `${ISSUER}/revoke`,
  device_authorization_endpoint: `${ISSUER}/device`,
};
const client = { client_id: 'client-1', client_secret: SECRET };

const token = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('at-1', 'eyJhbGciOiJub25lIn0.e30.', 'a b', 'ü', 'a\r\nX: y', '') },
  { weight: 1, arbitrary: hostileText },
  { weight: 1, arbitrary: hugeText },
);
const number = fc.oneof(
  fc.constantFrom<unknown>(3600, '3600', ' 3600 ', 0, -1, 1e300, '1e3', null, 0.5, 1, 2 ** 53, '9'.repeat(20), true),
  fc.double({ noNaN: true }),
);
const idToken = fc
  .tuple(
    fc.constantFrom('none', 'RS256', 'HS256', 'x'),
    fc.oneof(hostileText, fc.constant(ISSUER)),
    fc.constantFrom<unknown>('client-1', ['client-1'], 'x', 7),
    number,
  )
  .map(([alg, iss, aud, exp]) => {
    const part = (value: unknown) =>
      btoa(unescape(encodeURIComponent(wellFormed(JSON.stringify(value)))))
        .replace(/\+/g, '-')
        .replace(/\//g, '_')
        .replace(/=+$/, '');
    return `${part({ alg })}.${part({ iss, aud, exp, iat: 1_700_000_000, sub: iss })}.c2ln`;
  });

const tokens = {
  access_token: token,
  token_type: fc.oneof(fc.constantFrom('Bearer', 'bearer', 'DPoP', 'mac', 'user', 'N_A', ''), hostileText),
  expires_in: number,
  refresh_token: token,
  scope: fc.oneof<fc.Arbitrary<unknown>[]>(
    fc.constantFrom('read write', 'read,write', '', ['read', 'write']),
    hostileText,
  ),
  id_token: fc.oneof(idToken, hostileText),
  authed_user: fc.constantFrom<unknown>({ access_token: 'at-2', scope: 'a,b' }, null, 'x'),
};

const failure = {
  error: fc.oneof(
    fc.constantFrom(
      'invalid_grant',
      'invalid_client',
      'temporarily_unavailable',
      'slow_down',
      'authorization_pending',
      'bad_refresh_token',
      'expired_token',
      'access_denied',
    ),
    fc.constantFrom('__proto__', 'constructor', 'toString', ...SECRETS),
    hostileText,
  ),
  error_description: fc.oneof(
    fc
      .tuple(hostileText, fc.constantFrom(...SECRETS), hostileText)
      .map(([before, secret, after]) => `${before} ${secret} ${after}`),
    hugeText,
    hostileText,
  ),
  error_uri: hostileUrl,
};

/** Form-encoded, as some servers answer, and pages that echo the request. */
const form = fc.oneof(
  fc
    .dictionary(
      fc.constantFrom('access_token', 'token_type', 'expires_in', 'scope', 'error', '__proto__', 'refresh_token'),
      hostileText,
    )
    .map((members) =>
      String(new URLSearchParams(Object.entries(members).map(([name, value]) => [name, wellFormed(value)]))),
    ),
  fc
    .tuple(hostileText, fc.constantFrom(...SECRETS), hostileText)
    .map(([before, secret, after]) => `<html>${before} ${secret} <p>${after}</p>`),
  fc.constantFrom(
    'access_token=at-1&access_token=at-2',
    'error=invalid_grant&error=x',
    'access_token=%',
    'access_token=at-1&__proto__=x',
    `error=x&error_description=${REFRESH_TOKEN}`,
  ),
);

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 3, arbitrary: answerOf(tokens, [200, 200, 200, 201, 400], form) },
  { weight: 1, arbitrary: answerOf(failure, [400, 401, 200, 403, 500], form) },
);
const answers = fc.array(answer, { minLength: 1, maxLength: 3 });

const network = new FakeNetwork(ISSUER);
const options = { http: network.http, clock: network.clock };
const context = { authorizationServer, client };

/** What came of a grant, checked. An error says nothing of what was sent. */
async function checked(sent: readonly string[], mostRequests: number, work: () => Promise<TokenResult>): Promise<void> {
  try {
    assertTokens(await work());
  } catch (error) {
    assertTyped(error);
    const said = `${String(error)} ${JSON.stringify(error)}`;
    for (const secret of sent) must(!said.includes(secret), `an error repeats ${secret}: ${said}`);
  }
  must(network.requested.length <= mostRequests, `${network.requested.length} requests`);
}

function assertTokens({ tokens: found, idTokenClaims, idToken: raw }: TokenResult): void {
  const { accessToken, tokenType, issuedAt, expiresAt, refreshToken, scope } = found;
  must(/^[\x21-\x7e]{1,65536}$/.test(accessToken), 'an access token that no header can carry');
  must(tokenType === 'bearer', `a token of type ${tokenType}`);
  must(Number.isFinite(issuedAt), 'no time');
  must(
    expiresAt === undefined || (expiresAt >= issuedAt && expiresAt <= issuedAt + 10 * 366 * 24 * 3600_000),
    `expires at ${expiresAt}`,
  );
  must(
    refreshToken === undefined || /^[\x20-\x7e]{1,65536}$/.test(refreshToken),
    'a refresh token that no form can carry',
  );
  must(
    scope === undefined || (scope.length <= 256 && scope.every((one) => /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(one))),
    'no scopes',
  );
  must((idTokenClaims === undefined) === (raw === undefined), 'claims without a token');
  must(
    idTokenClaims === undefined || (idTokenClaims['iss'] === ISSUER && Number(idTokenClaims['exp']) > 0),
    'claims of somebody else',
  );
  const read = decodeTokens(encodeTokens(found));
  must(JSON.stringify(read) === JSON.stringify(found), 'what is stored is not read back');
}

describe('answers of a token endpoint', () => {
  it('whatever answers a refresh, there are well-formed tokens or a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      await checked([REFRESH_TOKEN, SECRET], 6, () =>
        refreshTokens({ ...context, refreshToken: REFRESH_TOKEN }, options),
      );
    }));

  it('whatever answers the exchange of a code, there are well-formed tokens or a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      const url = new URL(`http://127.0.0.1/callback?code=${CODE}&state=s`);
      const callbackParameters = validateCallback({ authorizationServer, clientId: 'client-1', url, state: 's' });
      const redirectUri = 'http://127.0.0.1/callback';
      await checked([CODE, VERIFIER, SECRET], 6, () =>
        exchangeCode({ ...context, callbackParameters, redirectUri, codeVerifier: VERIFIER }, options),
      );
    }));

  it('whatever answers a machine, there are well-formed tokens or a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      await checked([SECRET], 6, () => requestClientCredentials(context, options));
    }));

  it('whatever answers the polling of a device code, it ends with tokens or a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      const deviceAuthorization = {
        deviceCode: DEVICE_CODE,
        expiresAt: network.clock.now() + 30_000,
        intervalMs: 5_000,
      };
      await checked([DEVICE_CODE, SECRET], 14, () => pollDeviceTokens({ ...context, deviceAuthorization }, options));
    }));

  it('whatever answers a revocation, it is done or there is a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      const error = await revokeToken(
        { ...context, token: REFRESH_TOKEN, tokenTypeHint: 'refresh_token' },
        options,
      ).then(
        () => undefined,
        (caught: unknown) => caught,
      );
      if (error === undefined) return;
      assertTyped(error);
      for (const secret of [REFRESH_TOKEN, SECRET]) must(!String(error).includes(secret), `an error repeats ${secret}`);
    }));
});

const device = {
  device_code: fc.oneof(fc.constant(DEVICE_CODE), hostileText, hugeText),
  user_code: fc.oneof(fc.constantFrom('WDJB-MJHT', ' ', '', 'x'.repeat(65)), hostileText),
  verification_uri: fc.oneof(
    { weight: 3, arbitrary: fc.constant(`${ISSUER}/device`) },
    { weight: 2, arbitrary: hostileUrl },
  ),
  verification_uri_complete: hostileUrl,
  verification_url: hostileUrl,
  expires_in: number,
  interval: number,
};

describe('answers of a device authorization endpoint', () => {
  it('whatever it answers, there is a code that a person can type and a URL fit for a browser, or a typed error', () =>
    holds(
      fc.array(
        fc.oneof(
          { weight: 3, arbitrary: answerOf(device, [200]) },
          { weight: 1, arbitrary: answerOf(failure, [400, 401]) },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      async (list) => {
        network.answer(...list);
        const found = (await outcome(() => requestDeviceAuthorization(context, options)))?.value;
        if (found === undefined) return;
        must(/^[\x20-\x7e]{1,64}$/.test(found.userCode) && found.userCode.trim() !== '', 'a code that nobody can type');
        must(/^[\x20-\x7e]{1,16384}$/.test(found.deviceCode), 'a code that no form can carry');
        const lifetime = found.expiresAt - network.clock.now();
        must(lifetime >= 10_000 && lifetime <= 24 * 3600_000, `a lifetime of ${lifetime} ms`);
        must(
          found.intervalMs >= 1_000 && found.intervalMs <= Math.ceil(lifetime),
          `an interval of ${found.intervalMs} ms`,
        );
        for (const url of [found.verificationUri, found.verificationUriComplete]) {
          if (url !== undefined)
            must(network.http.assertBrowserUrl(url).protocol === 'https:', `${url} is not fit for a browser`);
        }
      },
    ));
});
