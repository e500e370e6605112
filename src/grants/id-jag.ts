import * as oauth from 'oauth4webapi';
import { McpOAuthError } from '../errors.js';
import { excerpt } from '../http/text.js';
import { protocolError, readObject } from '../oauth-error.js';
import { parseScope } from '../scope.js';
import { type ClientContext, protocolClient } from './client-authentication.js';
import { isCompactJwt, readJwt } from './jwt.js';

/** What an identity provider asserts to another authorization server. */
export interface IdJag {
  /** The assertion, for `requestJwtBearer`. A secret. */
  readonly assertion: string;
  /** When it ends, in ms since the epoch. */
  readonly expiresAt: number;
  /** The scopes that it is for, where the identity provider says so; they may be fewer than were asked for. */
  readonly scope?: readonly string[];
}

/** What was asked for. */
export interface IdJagRequest extends ClientContext {
  readonly audience: string;
  readonly resource: string;
}

const ISSUED_TYPE = 'urn:ietf:params:oauth:token-type:id-jag';
const JWT_TYPE = 'oauth-id-jag+jwt';
/** What says that the value is no access token, and what identity providers say instead; the JWT itself is what counts. */
const TOKEN_TYPES = Object.assign(Object.create(null) as Record<string, () => void>, {
  n_a: () => {},
  'n/a': () => {},
  na: () => {},
  jwt: () => {},
});

/**
 * Reads the answer to a token exchange. The signature is not checked: that is for whom the assertion is presented to.
 *
 * `issued_token_type` may be missing, and `token_type` may be `Bearer`, where the JWT itself says by its `typ` that it is an
 * ID-JAG: neither can make another token pass for one.
 *
 * @param now - The present time in ms since the epoch.
 * @throws {@link McpOAuthError} `invalid_response`
 * @see {@link https://www.rfc-editor.org/rfc/rfc8693.html#section-2.2.1 | RFC 8693 section 2.2.1}
 */
export async function readIdJag(response: Response, request: IdJagRequest, now: number): Promise<IdJag> {
  const answer = await process(response, request);
  const issued = answer['issued_token_type'];
  // Any other token would be a credential that the MCP server's side must not see.
  if (issued !== undefined && issued !== ISSUED_TYPE) throw wrong('is not of the type id-jag that was asked for');
  const assertion = answer.access_token;
  const jwt = isCompactJwt(assertion) ? readJwt(assertion) : undefined;
  if (jwt === undefined) throw wrong('is no signed JWT of at most 64 KiB');
  if (!isIdJag(jwt.header['typ'])) throw wrong(`is no ID-JAG: its header does not have the \`typ\` ${JWT_TYPE}`);
  assertIssuer(jwt.claims['iss'], request.authorizationServer.issuer);
  assertAudience(jwt.claims['aud'], request.audience);
  assertResource(jwt.claims['resource'], request.resource);
  // The one that does not depend on the clock of this machine first.
  const expiresAt = endIn(answer.expires_in, now) ?? endOf(jwt.claims['exp']);
  if (expiresAt === undefined)
    throw wrong('has no end: neither `exp` nor `expires_in` says how long it may be presented');
  if (expiresAt <= now) {
    throw wrong('had expired when it came. Check the clock of this machine first');
  }
  return {
    assertion,
    expiresAt,
    ...(answer.scope === undefined ? {} : { scope: parseScope(answer.scope) }),
  };
}

async function process(response: Response, { authorizationServer, client }: ClientContext) {
  const body = (await readObject(response)) ?? {};
  const { access_token, issued_token_type, token_type, scope, expires_in: lifetime } = body;
  const copy = {
    access_token,
    issued_token_type,
    token_type,
    ...(scope === '' ? {} : { scope }),
    ...(typeof lifetime === 'number' && lifetime > 0 ? { expires_in: lifetime } : {}),
  };
  try {
    return await oauth.processGenericTokenEndpointResponse(
      authorizationServer as oauth.AuthorizationServer,
      protocolClient(client),
      Response.json(copy),
      { recognizedTokenTypes: TOKEN_TYPES },
    );
  } catch (error) {
    throw protocolError(error, 'token', "The identity provider's answer");
  }
}

/** RFC 7515 section 4.1.9: without regard to case, and with or without `application/`. */
function isIdJag(typ: unknown): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === JWT_TYPE;
}

/** It may be missing; somebody else's word is none of this identity provider, whom the enterprise chose. */
function assertIssuer(iss: unknown, issuer: string): void {
  if (iss === undefined || isOnly(iss, issuer)) return;
  throw wrong(`is of another issuer (${shown(iss)}) than ${excerpt(issuer, 100)}, and was not sent on`);
}

/** Alone: whoever is given it could present it to the others that it names. */
function assertAudience(aud: unknown, audience: string): void {
  if (aud === undefined) throw wrong('names no audience (`aud`), so anybody could present it anywhere');
  if (isOnly(aud, audience)) return;
  throw wrong(`is for another audience (${shown(aud)}) than ${excerpt(audience, 100)}, and was not sent there`);
}

/** It may be missing; one for another MCP server would let its user in there. */
function assertResource(named: unknown, resource: string): void {
  if (named === undefined || isOnly(named, resource)) return;
  throw wrong(`is for another resource (${shown(named)}) than ${excerpt(resource, 100)}, and was not sent on`);
}

/** Whether a claim names `expected` and nobody else. A slash at the end makes no other server of it; who gets it judges that again. */
function isOnly(claim: unknown, expected: string): boolean {
  const bare = expected.replace(/\/$/, '');
  const named = Array.isArray(claim) ? (claim as readonly unknown[]) : [claim];
  return named.length > 0 && named.every((name) => name === bare || name === `${bare}/`);
}

function shown(claim: unknown): string {
  return excerpt([claim].flat().map(String).join(', '), 100);
}

function endOf(exp: unknown): number | undefined {
  return typeof exp === 'number' && Number.isFinite(exp) ? Math.floor(exp * 1000) : undefined;
}

function endIn(seconds: number | undefined, now: number): number | undefined {
  return seconds === undefined ? undefined : now + Math.floor(seconds * 1000);
}

function wrong(problem: string): McpOAuthError {
  return new McpOAuthError(
    'invalid_response',
    `The assertion that the identity provider issued ${problem}. Its administrator has to correct that.`,
    { stage: 'token' },
  );
}
