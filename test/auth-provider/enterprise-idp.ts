import { createHash, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, importJWK, type JWTPayload, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose';
import { createCounter, type RequestCounts } from '../../examples/servers/http-counts.js';
import { listenOnLoopback, readBody, sendJson } from '../../examples/servers/loopback-server.js';
import { type Answer, GRANT, isClient, refuse } from './enterprise-http.js';
import { AT_IDP, type EnterpriseWorld } from './enterprise-settings.js';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const ALGORITHM = 'ES256';

interface Grant {
  readonly challenge?: string;
  readonly redirectUri?: string;
  readonly subject: string;
}

/** One exchange for an ID-JAG, as it was asked for. */
interface ExchangeRequest {
  readonly subjectTokenType: string;
  readonly audience: string;
  readonly resource: string;
  readonly scope: string;
}

export interface EnterpriseIdp {
  readonly issuer: string;
  /** By kind: `metadata`, `authorize`, `token:authorization_code`, `token:refresh_token`, `token:token-exchange`. */
  readonly counts: RequestCounts;
  readonly exchanges: ExchangeRequest[];
  /** An ID token as the application's own sign-in would have it. */
  idToken(claims?: JWTPayload): Promise<string>;
  /** A refresh token from such a sign-in. */
  refreshToken(): string;
  /** Ends every session there: refresh tokens, and the ID tokens too where told to. */
  revokeAll(options?: { idTokens: boolean }): void;
  /** The claims of a token that was signed here; rejects where `options` do not hold. */
  verify(jwt: string, options: Parameters<typeof jwtVerify>[2]): Promise<JWTVerifyResult>;
  close(): Promise<void>;
}

/** What the identity provider knows of the authorization server that its assertions are for. */
interface Peers {
  audience(): string;
  /** What the application is called there. */
  clientId(): string;
}

/** The identity provider: it signs a person in and exchanges what it gave for assertions. */
export async function startEnterpriseIdp(world: EnterpriseWorld, peers: Peers): Promise<EnterpriseIdp> {
  const { settings, secrets, secret, seconds } = world;
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const publicKey = await importJWK(await exportJWK(pair.publicKey), ALGORITHM);
  const sign = async (claims: JWTPayload, typ: string, ttlS: number) => {
    const jwt = await new SignJWT({ iss: idp.origin, iat: seconds(), exp: seconds() + ttlS, ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ, kid: 'idp' })
      .sign(pair.privateKey);
    secrets.add(jwt);
    return jwt;
  };
  const verify = (jwt: string, options: Parameters<typeof jwtVerify>[2]) =>
    jwtVerify(jwt, publicKey, { issuer: idp.origin, currentDate: new Date(world.now()), ...options });

  const codes = new Map<string, Grant>();
  const refreshTokens = new Map<string, Grant>();
  const exchanges: ExchangeRequest[] = [];
  let validFrom = 0;
  const idpCounts = createCounter();
  const idToken = (claims: JWTPayload = {}) =>
    sign({ sub: 'alice', aud: AT_IDP.clientId, email: 'alice@example.com', ...claims }, 'JWT', settings.idTokenTtlS);
  const refreshTokenFor = (grant: Grant) => {
    const refreshToken = secret('idp-refresh');
    refreshTokens.set(refreshToken, grant);
    return refreshToken;
  };
  const signedIn = async (grant: Grant, withIdToken: boolean) => {
    return {
      access_token: secret('idp-access'),
      token_type: 'Bearer',
      expires_in: 300,
      refresh_token: refreshTokenFor(grant),
      scope: 'openid profile email offline_access',
      ...(withIdToken ? { id_token: await idToken() } : {}),
    };
  };
  const subjectOf = async (form: URLSearchParams) => {
    const token = form.get('subject_token') ?? '';
    if (form.get('subject_token_type') === `${TYPE}refresh_token`) return refreshTokens.get(token)?.subject;
    const { payload } = await verify(token, { audience: AT_IDP.clientId, typ: 'JWT' }).catch(() => ({ payload: null }));
    return Number(payload?.iat) < validFrom ? undefined : payload?.sub;
  };
  const redeem = async (form: URLSearchParams): Promise<Answer> => {
    const code = form.get('code') ?? '';
    const grant = codes.get(code);
    codes.delete(code);
    const isProven = s256(form.get('code_verifier') ?? '') === grant?.challenge;
    if (grant === undefined || !isProven || form.get('redirect_uri') !== grant.redirectUri)
      return refuse('invalid_grant');
    return { status: 200, body: await signedIn({ subject: grant.subject }, settings.idTokenOnSignIn) };
  };
  const refresh = async (form: URLSearchParams): Promise<Answer> => {
    const token = form.get('refresh_token') ?? '';
    const grant = refreshTokens.get(token);
    refreshTokens.delete(token);
    if (grant === undefined) return refuse('invalid_grant');
    return { status: 200, body: await signedIn(grant, settings.idTokenOnRefresh) };
  };
  const exchange = async (form: URLSearchParams): Promise<Answer> => {
    const asked = {
      subjectTokenType: form.get('subject_token_type')?.replace(TYPE, '') ?? '',
      audience: form.get('audience') ?? '',
      resource: form.get('resource') ?? '',
      scope: form.get('scope') ?? '',
    };
    exchanges.push(asked);
    if (settings.denial !== undefined) {
      const { status = 400, error, error_description: text } = settings.denial;
      return {
        status,
        body: { error, error_description: text === 'echo' ? `${form.get('subject_token')} ${form}` : text },
      };
    }
    const subject = await subjectOf(form);
    if (form.get('requested_token_type') !== `${TYPE}id-jag`) return refuse('invalid_request');
    if (subject === undefined) return refuse('invalid_grant');
    if (asked.audience !== peers.audience()) return refuse('invalid_target');
    // What a registered client is called there is the identity provider's to know.
    const client = { client_id: peers.clientId(), jti: randomUUID(), scope: asked.scope };
    const claims = { sub: subject, aud: settings.audience ?? asked.audience, resource: asked.resource, ...client };
    const body = {
      access_token: await sign(claims, 'oauth-id-jag+jwt', settings.idJagTtlS),
      issued_token_type: `${TYPE}id-jag`,
      token_type: 'N_A',
      scope: asked.scope,
      expires_in: settings.idJagTtlS,
    };
    return { status: 200, body };
  };
  const grants: Readonly<Record<string, (form: URLSearchParams) => Promise<Answer>>> = {
    authorization_code: redeem,
    refresh_token: refresh,
    'token-exchange': exchange,
  };
  const idp = await listenOnLoopback(async (request, response) => {
    const url = new URL(request.url ?? '/', idp.origin);
    if (url.pathname === '/.well-known/openid-configuration') {
      idpCounts.observe(response, 'metadata');
      return sendJson(response, 200, {
        issuer: idp.origin,
        authorization_endpoint: `${idp.origin}/authorize`,
        token_endpoint: `${idp.origin}/token`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token', `${GRANT}token-exchange`],
        id_token_signing_alg_values_supported: [ALGORITHM],
        code_challenge_methods_supported: ['S256'],
        scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
        authorization_response_iss_parameter_supported: true,
      });
    }
    if (url.pathname === '/authorize') {
      idpCounts.observe(response, 'authorize');
      return authorize(url, response);
    }
    if (url.pathname !== '/token') return sendJson(response, 404, { error: 'not_found' });
    const form = new URLSearchParams(await readBody(request));
    const kind = form.get('grant_type')?.replace(GRANT, '') ?? '';
    idpCounts.observe(response, `token:${kind}`);
    if (!isClient(request, form, AT_IDP)) return sendJson(response, 401, { error: 'invalid_client' });
    const { status, body } = (await grants[kind]?.(form)) ?? refuse('unsupported_grant_type');
    sendJson(response, status, body);
  });
  const authorize = (url: URL, response: ServerResponse) => {
    const { searchParams: asked } = url;
    const redirectUri = asked.get('redirect_uri') ?? '';
    const callback = new URL(redirectUri);
    const isGood = asked.get('client_id') === AT_IDP.clientId && asked.get('code_challenge_method') === 'S256';
    if (!isGood) return sendJson(response, 400, { error: 'invalid_request' });
    const code = secret('idp-code');
    codes.set(code, { subject: 'alice', redirectUri, challenge: asked.get('code_challenge') ?? '' });
    callback.searchParams.set('code', code);
    callback.searchParams.set('state', asked.get('state') ?? '');
    callback.searchParams.set('iss', idp.origin);
    response.writeHead(302, { location: callback.href, 'content-length': '0' }).end();
  };
  return {
    issuer: idp.origin,
    counts: idpCounts,
    exchanges,
    idToken,
    refreshToken: () => refreshTokenFor({ subject: 'alice' }),
    revokeAll({ idTokens } = { idTokens: false }) {
      refreshTokens.clear();
      if (idTokens) validFrom = seconds() + 1;
    },
    verify,
    close: idp.close,
  };
}

function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
