import { stringList } from '../../discovery/fetch-document.js';
import { isMcpOAuthError } from '../../errors.js';
import { createHttp, excerpt } from '../../http/index.js';
import type { JsonObject } from '../../http/json.js';
import { createClientMetadataDocument } from '../../registration/index.js';
import { matchesRedirectUri } from '../../registration/redirect-uri.js';
import type { ClientMetadata } from '../../types.js';
import { DEFAULT_REDIRECT } from './dry-registration.js';
import type { Examination } from './examination.js';
import { jsonIn } from './exchange-record.js';
import { shownList } from './members.js';
import { NORMS } from './norms.js';
import { recordingHttp } from './recorder.js';
import type { StepLog } from './step-log.js';

/** Fetches the Client ID Metadata Document as an authorization server does, without redirects, checks it, and returns what it is. */
export async function examineDocument(
  log: StepLog,
  url: string,
  examination: Examination,
): Promise<JsonObject | undefined> {
  const { options, redirects, recorder } = examination;
  const { clock, network, fetch, timeoutMs, signal } = options;
  // The user named this URL: it is its own anchor.
  const inner = createHttp({ anchor: url, clock, network, timeoutMs, fetch: fetch && redirects.watched(fetch) });
  const { http, take } = recordingHttp(inner, redirects);
  try {
    // As a registration, since that follows no redirect.
    const response = await http.request('registration', url, { method: 'GET', signal });
    return judgeAnswer(log, url, response, await response.text());
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code === 'aborted') throw error;
    log.refused('document', error, NORMS.document, 'Serve the document at its URL, to everyone, with status 200.');
    return undefined;
  } finally {
    for (const record of take()) recorder.add(record);
    await inner.close();
  }
}

function judgeAnswer(log: StepLog, url: string, response: Response, text: string): JsonObject | undefined {
  const document = jsonIn(text);
  if (response.status !== 200 || document === undefined) {
    const what = response.status === 200 ? 'no JSON object' : `status ${response.status}`;
    const message = `The URL of --client-metadata-url answers with ${what}, so a server that fetches it refuses the client.`;
    const isTemporary = response.status >= 500 || response.status === 429;
    log.add('problem', 'document', message, NORMS.document, {
      remedy: 'Serve the JSON document there with status 200.',
      ...(isTemporary ? { temporary: true as const } : {}),
    });
    return undefined;
  }
  const type = response.headers.get('content-type') ?? '';
  if (!/^application\/(?:[^/;\s]+\+)?json\b/i.test(type)) {
    const message = `The document is served as ${type === '' ? 'no type' : excerpt(type, 60)}. Servers may take JSON types only.`;
    log.add('warning', 'document-type', message, NORMS.document, { remedy: 'Serve it as application/json.' });
  }
  judgeMembers(log, url, document);
  return document;
}

function judgeMembers(log: StepLog, url: string, document: JsonObject): void {
  const redirects = stringList(document['redirect_uris']);
  log.fact('document: redirect_uris', shownList(redirects));
  const method = document['token_endpoint_auth_method'];
  log.fact('document: token_endpoint_auth_method', typeof method === 'string' ? excerpt(method, 60) : undefined);
  if (document['client_id'] !== url) {
    const message = 'The client_id in the document is not its URL, character by character, so servers refuse it.';
    const remedy = 'Set client_id to the URL under which the document is fetched.';
    log.add('problem', 'document', message, NORMS.document, { remedy });
    return;
  }
  try {
    createClientMetadataDocument(url, document as ClientMetadata & { redirect_uris: readonly string[] });
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    const remedy = 'Correct the document; `createClientMetadataDocument()` writes one that keeps the rules.';
    log.refused('document', error, NORMS.document, remedy);
    return;
  }
  log.add('ok', 'document', 'The document is there, names its own URL, and keeps the rules.', NORMS.document);
  judgeRedirects(log, redirects ?? []);
  judgeMethod(log, method);
}

function judgeMethod(log: StepLog, method: unknown): void {
  if (method === undefined || method === 'none') return;
  if (method === 'private_key_jwt') {
    const message = 'The document says that the client authenticates with a key. Servers refuse it without one.';
    const remedy = 'Set `clientKey` in the application to the private key of the pair.';
    log.add('note', 'document-auth-method', message, NORMS.document, { remedy });
    return;
  }
  const message = 'The document names a way to authenticate that this SDK does not have.';
  const remedy = 'Set token_endpoint_auth_method to none, or to private_key_jwt with `clientKey` in the application.';
  log.add('warning', 'document-auth-method', message, NORMS.document, { remedy });
}

function judgeRedirects(log: StepLog, redirects: readonly string[]): void {
  const match = redirects.find((uri) => matchesRedirectUri(uri, DEFAULT_REDIRECT));
  if (match === undefined) {
    const message = 'It lists no redirect to http://127.0.0.1/callback, which is where the listener is by default.';
    const remedy = 'List it, or set `loopback` or `redirectUrl` to a redirect that is listed.';
    log.add('warning', 'document-redirect', message, NORMS.loopbackPorts, { remedy });
    return;
  }
  const message = 'The default redirect is listed. Servers that compare the port too need a fixed one.';
  const remedy =
    "Where a browser shows that the redirect is refused: `loopback.port` as the document has it, or `registration: 'dynamic'`.";
  log.add('note', 'document-redirect', message, NORMS.loopbackPorts, { remedy });
}
