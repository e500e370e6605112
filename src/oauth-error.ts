import { isMcpOAuthError, McpOAuthError, type Stage } from './errors.js';
import { type JsonObject, parseObject } from './http/json.js';
import { redactor } from './http/redact.js';
import { excerpt, pageExcerpt } from './http/text.js';

/** What an error answer of an authorization server says, as far as it may be shown. */
export interface OAuthErrorAnswer {
  readonly status: number;
  /** The `error` value, where there is one and it follows the grammar. */
  readonly error: string | undefined;
  /** `error_description`, or the words of a body that is not JSON, bounded and on one line. */
  readonly description: string | undefined;
}

/** RFC 6749 appendix A.7, with a bound of our own. */
const ERROR_CODE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}$/;
/** 407 is the word of a proxy on the way, whatever the server behind it thinks. */
const TEMPORARY_STATUS: ReadonlySet<number> = new Set([407, 408, 425, 429]);
/** The registered codes that something is decided by: a short secret may be a part of one. */
const KNOWN_CODES: ReadonlySet<string> = new Set([
  'access_denied',
  'authorization_pending',
  'expired_token',
  'invalid_client',
  'invalid_client_metadata',
  'invalid_dpop_proof',
  'invalid_grant',
  'invalid_redirect_uri',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'use_dpop_nonce',
]);
const TEMPORARY_ERROR: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down']);

/** Where servers with error documents of their own put the text that belongs into `error_description`. */
const TEXT_MEMBERS = ['error_description', 'errorSummary', 'message', 'error'];

/** What helps against refusals that Entra ID tells apart by a number in the text, since many share one `error`. */
const NUMBERED_REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/\bAADSTS(?:9010010|901002)\b/, 'It rejects the resource indicator: set `resource: false`'],
  [
    /\bAADSTS(?:70011|28000|650053)\b/,
    "It takes the scopes of one resource, and `.default` only by itself: set `scope: { override: '…' }` to those",
  ],
];

/** The value as an OAuth error code, or `undefined` where it breaks the grammar of RFC 6749 appendix A.7. */
export function oauthErrorCode(value: unknown): string | undefined {
  return typeof value === 'string' && ERROR_CODE.test(value) ? value : undefined;
}

/**
 * Reads an error answer. Nothing in it is trusted: members that break the grammar are dropped, and so is every echo of
 * `secrets`, the values that were sent with the request.
 */
export async function readErrorAnswer(
  response: Response,
  secrets: readonly (string | undefined)[],
): Promise<OAuthErrorAnswer> {
  const { status } = response;
  const text = await response
    .clone()
    .text()
    .catch(() => '');
  const body = parseObject(text);
  const clean = redactor(secrets);
  const code = oauthErrorCode(body?.['error']);
  const description = body === undefined ? pageExcerpt(clean(text)) : textIn(body, code);
  const isEcho = code !== undefined && !KNOWN_CODES.has(code) && clean(code) !== code;
  return {
    status,
    error: isEcho ? undefined : code,
    description: description === undefined ? undefined : excerpt(clean(description)),
  };
}

/** The first text that an error document has beside its code. */
function textIn(body: Readonly<JsonObject>, code: string | undefined): string | undefined {
  const texts = TEXT_MEMBERS.map((name) => body[name]);
  return texts.find((text): text is string => typeof text === 'string' && text !== '' && text !== code);
}

/** A page for people, or a document of a cloud's own: no endpoint of OAuth answers a client like that. */
const MARKUP = /^[\s\uFEFF]*</;

/** Whether a page stands in the place of JSON, as from a proxy, a captive portal or a gateway. */
export async function isPage(response: Response): Promise<boolean> {
  return MARKUP.test(
    await response
      .clone()
      .text()
      .catch(() => ''),
  );
}

/** The JSON object in the body of a copy of `response`, or `undefined` where there is none. */
export async function readObject(response: Response): Promise<JsonObject | undefined> {
  try {
    return parseObject(await response.clone().text());
  } catch {
    return undefined;
  }
}

/** `invalid_grant: the text (HTTP 400)`, for a message; with a sentence on what helps where the text has a number that says so. */
export function describeAnswer({ status, error, description }: OAuthErrorAnswer): string {
  const text = [error, description].filter((part) => part !== undefined && part !== '').join(': ');
  const said = text === '' ? `HTTP ${status}` : `${text} (HTTP ${status})`;
  const remedy = numberedRemedy(description);
  return remedy === undefined ? said : `${said}. ${remedy}`;
}

/** What helps against a refusal whose text has a number that says so: a sentence without its full stop. */
export function numberedRemedy(description: string | undefined): string | undefined {
  return NUMBERED_REMEDIES.find(([number]) => number.test(description ?? ''))?.[1];
}

/** Statuses that say that there is nothing behind an endpoint that was advertised. */
const NO_ENDPOINT: ReadonlySet<number> = new Set([404, 405, 410, 501]);

/** Whether there is nothing behind the endpoint: 404, 405, 410, or the 501 that would else be temporary. */
export function isNoEndpoint(status: number): boolean {
  return NO_ENDPOINT.has(status);
}

/** Whether the same request may succeed later: 407, 408, 425, 429, 5xx, or an error code that says so. */
export function isTemporary({ status, error }: Pick<OAuthErrorAnswer, 'status' | 'error'>): boolean {
  return status >= 500 || TEMPORARY_STATUS.has(status) || (error !== undefined && TEMPORARY_ERROR.has(error));
}

/**
 * What oauth4webapi threw, as our error. Its `cause` holds responses and bodies, tokens among them, so it is left
 * behind; its messages are fixed texts without values.
 */
export function protocolError(caught: unknown, stage: Stage, what: string): McpOAuthError {
  if (isMcpOAuthError(caught)) return caught;
  const reason = caught instanceof Error ? excerpt(caught.message) : 'unknown reason';
  return new McpOAuthError(
    'invalid_response',
    `${what} is not what the protocol allows: ${reason}. The authorization server has to be corrected.`,
    { stage },
  );
}
