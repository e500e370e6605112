import { errorPage, oauthError, type TestAnswer, type TestJsonAnswer, type TestRequest } from './exchange.js';
import type { TestVisitor } from './settings.js';
import { opaque, type Presented } from './tokens.js';
import type { World } from './world.js';

const LIFETIME_S = 600;
const INTERVAL_S = 1;

/** @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-3.2 | RFC 8628 section 3.2} */
export function authorizeDevice(
  request: TestRequest,
  { settings, clients, devices, clock, issuer }: World,
): TestAnswer {
  if (!settings.deviceGrant) return oauthError('not_found', undefined, 404);
  const client = clients.authenticated(request);
  if (client === undefined) return oauthError('invalid_client', undefined, 401);
  const deviceCode = opaque('device-');
  const userCode = opaque('').slice(0, 8).toUpperCase();
  const scope = request.parameters.get('scope') ?? settings.defaultScope;
  const grant = { client, scope, asked: request.parameters };
  devices.add(deviceCode, { userCode, grant, expiresAt: clock.now() + LIFETIME_S * 1_000 });
  const page = `${new URL(issuer).origin}/device`;
  return {
    status: 200,
    body: {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${userCode}`,
      expires_in: LIFETIME_S,
      interval: INTERVAL_S,
    },
  };
}

/** The page where the person enters the code. */
export function devicePage({ parameters }: TestRequest, { devices }: World, visitor: TestVisitor): TestAnswer {
  const isKnown = devices.answer(parameters.get('user_code') ?? '', visitor);
  return isKnown
    ? { status: 200, body: '<html><body><p>Done.</p></body></html>' }
    : errorPage('This code is not known here.');
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc8628.html#section-3.5 | RFC 8628 section 3.5} */
export function deviceTokens(
  form: URLSearchParams,
  { client, keyThumbprint }: Presented,
  { devices, tokens, clock }: World,
): TestJsonAnswer {
  const deviceCode = form.get('device_code') ?? '';
  const code = devices.get(deviceCode);
  if (code === undefined || code.grant.client.client_id !== client.client_id) return oauthError('invalid_grant');
  if (code.expiresAt <= clock.now()) return oauthError('expired_token');
  if (code.answer === undefined) return oauthError('authorization_pending');
  devices.delete(deviceCode);
  return code.answer.deny === true
    ? oauthError('access_denied')
    : tokens.grant({ ...code.grant, account: code.answer.account, keyThumbprint });
}
