import { isMcpOAuthError, McpOAuthError } from '../../errors.js';
import type { Http, Purpose } from '../../http/index.js';
import type { JsonObject } from '../../http/json.js';
import { answered, jsonIn, unanswered } from './exchange-record.js';
import type { RedirectWatch } from './redirect-watch.js';
import type { ExchangeRecord } from './report.js';

/** How a location answered: a response to be read again and again, or what was thrown. */
type Outcome = { readonly response: Response; readonly document: JsonObject | undefined } | { readonly error: unknown };

/** A way out that remembers. */
export interface Recorder {
  /** Sends and records. Through it nothing can be registered, and no token asked for: `fetchFor` refuses. */
  readonly http: Http;
  /** Answers what was asked before as it was answered then, without another request. */
  readonly replay: Http;
  /** The records since the last call. */
  take(): ExchangeRecord[];
  add(record: ExchangeRecord): void;
  /** The JSON object that `url` answered with status 200, as it was sent. */
  documentAt(url: string): JsonObject | undefined;
}

/** Which answers need not be quoted: metadata or that there is none, a document, a page of the authorization endpoint. */
const EXPECTED: Readonly<Partial<Record<Purpose, (response: Response, document: unknown) => boolean>>> = {
  metadata: ({ status }, document) => (status === 200 && document !== undefined) || status === 404,
  registration: ({ status }, document) => status === 200 && document !== undefined,
  revocation: ({ status }) => status < 404,
};

export function recordingHttp(inner: Http, redirects: RedirectWatch): Recorder {
  let records: ExchangeRecord[] = [];
  const outcomes = new Map<string, Outcome>();
  const request: Http['request'] = async (purpose, url, init = {}) => {
    const asked = { method: init.method ?? 'GET', url, sent: init.body === '' ? 'an empty body' : undefined };
    const href = String(url);
    const remember = (outcome: Outcome) =>
      purpose === 'metadata' && asked.method === 'GET' && outcomes.set(href, outcome);
    try {
      const response = await inner.request(purpose, url, init);
      const text = await response.clone().text();
      records.push(answered(asked, response, text, redirects.from(href), EXPECTED[purpose] ?? (() => false)));
      remember({ response: response.clone(), document: response.status === 200 ? jsonIn(text) : undefined });
      return response;
    } catch (error) {
      records.push(unanswered(asked, error, redirects.from(href)));
      // What ended because somebody left says nothing about the server.
      if (!isMcpOAuthError(error) || error.code !== 'aborted') remember({ error });
      throw error;
    }
  };
  const http: Http = { ...inner, request, fetchFor: () => refuse };
  return {
    http,
    replay: {
      ...http,
      request: (purpose, url, init) => replayed(outcomes.get(String(url))) ?? request(purpose, url, init),
    },
    take() {
      const taken = records;
      records = [];
      return taken;
    },
    add: (record) => void records.push(record),
    documentAt(url) {
      const outcome = outcomes.get(url);
      return outcome !== undefined && 'document' in outcome ? outcome.document : undefined;
    },
  };
}

function replayed(outcome: Outcome | undefined): Promise<Response> | undefined {
  if (outcome === undefined) return undefined;
  return 'error' in outcome ? Promise.reject(outcome.error) : Promise.resolve(outcome.response.clone());
}

async function refuse(): Promise<never> {
  throw new McpOAuthError('closed', 'The examination registers nothing and asks for no token.', {
    stage: 'registration',
  });
}
