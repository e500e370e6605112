import { readBody } from '../http/bounds.js';
import { withinBounds } from '../http/index.js';
import { type JsonObject, parseObject } from '../http/json.js';
import { excerpt, pageExcerpt } from '../http/text.js';
import type { AuthSession } from './session.js';
import type { Refusal } from './sign-in-parts.js';

/** How long the body of a refusal is waited for, in ms: it only adds words to an error. */
const BODY_MS = 2_000;

/** Where servers put what they say to people: OAuth, problem details (RFC 9457), and documents of their own. */
const TEXT_MEMBERS = ['error_description', 'detail', 'title', 'message', 'error'];

/**
 * What a server says that refuses the probe. The probe carries no secret that it could echo. Never rejects: of a body that cannot be
 * read, or does not end, the status is left.
 */
export async function readRefusal(session: AuthSession, response: Response): Promise<Refusal> {
  const { clock, server } = session.options;
  const what = `the MCP server at ${server.origin}`;
  const bounds = { timeoutMs: BODY_MS, signals: [session.closed], clock, stage: 'resource', what } as const;
  try {
    const body = await withinBounds(bounds, (within) => readBody(response, within, 'resource', what));
    return { status: response.status, said: wordsOf(new TextDecoder().decode(body)) };
  } catch {
    response.body?.cancel().catch(() => undefined);
    return { status: response.status, said: '' };
  }
}

function wordsOf(text: string): string {
  const document = parseObject(text);
  if (document === undefined) return pageExcerpt(text);
  const { error } = document;
  // An error of JSON-RPC is an object.
  const said = textIn(document) ?? (typeof error === 'object' && error !== null ? textIn({ ...error }) : undefined);
  return excerpt((said ?? '').replace(/\s+/g, ' ').trim());
}

function textIn(document: Readonly<JsonObject>): string | undefined {
  return TEXT_MEMBERS.map((name) => document[name]).find((text) => typeof text === 'string' && text !== '') as
    | string
    | undefined;
}
