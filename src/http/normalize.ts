import { type JsonObject, parseJsonObject, withoutNulls } from './json.js';
import { normalizeDeviceAuthorization } from './normalize-device-authorization.js';
import { normalizeRegistration } from './normalize-registration.js';
import { type Answer, normalizeToken, parseForm } from './normalize-token.js';
import { type Purpose, STAGE_OF } from './purpose.js';

/**
 * An answer with what many servers send although the RFCs say otherwise turned into what the RFCs say: by shape, never
 * by who sent it. What is not understood, and answers to a revocation, stay as they are.
 *
 * @throws {@link McpOAuthError} `invalid_response` where JSON is nested deeper than 32 levels.
 */
export async function normalizeResponse(purpose: Purpose, response: Response): Promise<Response> {
  if (purpose === 'revocation') return response;
  const succeeded = response.status >= 200 && response.status < 300;
  if (purpose === 'metadata' && !succeeded) return response;
  const text = await response.clone().text();
  const body = parseJsonObject(text, STAGE_OF[purpose]) ?? (purpose === 'token' ? parseForm(text) : undefined);
  if (!body) return response;
  return rewrite(response, normalized(purpose, { status: response.status, body }));
}

function normalized(purpose: Exclude<Purpose, 'revocation'>, answer: Answer): Answer {
  if (purpose === 'token') return normalizeToken(answer);
  if (purpose === 'registration') return normalizeRegistration(answer);
  if (purpose === 'device authorization') return normalizeDeviceAuthorization(answer);
  return { status: answer.status, body: withoutNulls(answer.body) };
}

function rewrite(response: Response, { status, body }: { status: number; body: JsonObject }): Response {
  const headers = new Headers([...response.headers]);
  headers.set('content-type', 'application/json');
  return new Response(JSON.stringify(body), { status, headers });
}
