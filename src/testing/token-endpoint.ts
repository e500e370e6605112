import { deviceTokens } from './device.js';
import { oauthError, type TestAnswer, type TestJsonAnswer, type TestRequest } from './exchange.js';
import type { TestClient, TestServerSettings } from './settings.js';
import type { Presented } from './tokens.js';
import type { World } from './world.js';

/** The token endpoint, with all that may be odd about its answers. */
export async function token(request: TestRequest, world: World): Promise<TestAnswer> {
  const { settings, clients } = world;
  const refused = settings.tokenRequest?.(request);
  if (refused !== undefined) return refused;
  const client = clients.authenticated(request);
  const isRevocation = !request.parameters.has('grant_type') && request.parameters.has('token');
  if (client !== undefined && isRevocation && settings.revocation === 'shared') return revoked(request, world);
  const answer =
    client === undefined ? oauthError('invalid_client', undefined, 401) : await provenTokensFor(request, client, world);
  return settings.tokenAnswer?.(answer, request) ?? written(answer, settings);
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1 | RFC 7009 section 2.1} */
export function revoke(request: TestRequest, world: World): TestAnswer {
  if (world.clients.authenticated(request) === undefined) return oauthError('invalid_client', undefined, 401);
  return revoked(request, world);
}

/** A proof is optional here: without one, tokens are Bearer tokens. */
async function provenTokensFor(request: TestRequest, client: TestClient, world: World): Promise<TestJsonAnswer> {
  const { dpop, dpopNonce } = world.settings;
  if (!dpop || request.headers['dpop'] === undefined) return tokensFor(request, { client }, world);
  const proof = await world.proofs.judge(request, dpopNonce);
  if (!('error' in proof)) return tokensFor(request, { client, ...proof }, world);
  return { ...oauthError(proof.error), headers: dpopNonce === undefined ? {} : { 'dpop-nonce': dpopNonce } };
}

async function tokensFor({ parameters }: TestRequest, presented: Presented, world: World): Promise<TestJsonAnswer> {
  const { tokens, settings } = world;
  switch (parameters.get('grant_type')) {
    case 'authorization_code':
      return tokens.exchange(parameters, presented);
    case 'refresh_token':
      return tokens.renew(parameters.get('refresh_token') ?? '', presented);
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return settings.deviceGrant ? deviceTokens(parameters, presented, world) : oauthError('unsupported_grant_type');
    default:
      return oauthError('unsupported_grant_type');
  }
}

function revoked({ parameters }: TestRequest, { settings, tokens }: World): TestAnswer {
  const wasGood = tokens.revoke(parameters.get('token') ?? '');
  return wasGood ? { status: 200 } : (settings.unknownToken ?? { status: 200 });
}

function written(
  { status, body, headers: given }: TestJsonAnswer,
  { tokenEncoding, errorsWith200 }: TestServerSettings,
): TestAnswer {
  const shown = errorsWith200 ? 200 : status;
  const headers = { 'cache-control': 'no-store', ...given };
  if (tokenEncoding === 'json') return { status: shown, body, headers };
  const form = new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)]));
  return {
    status: shown,
    body: form.toString(),
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
  };
}
