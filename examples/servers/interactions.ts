import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InteractionDetails, Provider } from 'oidc-provider';
import { escapeHtml } from './html-form.js';
import { readBody } from './loopback-server.js';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; background: Canvas; color: CanvasText; }
main { width: min(24rem, calc(100vw - 4rem)); padding: 2rem; border: 1px solid #8884; border-radius: 12px; }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; }
label { display: block; margin: 1rem 0; }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #8888; border-radius: 8px; }
code { overflow-wrap: anywhere; }
button { padding: .6rem 1.2rem; font: inherit; border: 1px solid #8888; border-radius: 8px; cursor: pointer; }
button[value=allow] { background: #2457d6; border-color: #2457d6; color: #fff; }
`;

/**
 * The login and the consent page at `/interaction/:uid`. Any name signs in, there is no password; each page is one
 * form whose buttons say `allow` or `deny`, so that a browser and a scripted person can both use it.
 */
export async function handleInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let details: InteractionDetails;
  try {
    details = await provider.interactionDetails(request, response);
  } catch {
    return page(response, 400, 'This sign-in is over', '<p>Go back to the application and start again.</p>');
  }
  if (request.method === 'POST') {
    return finish(provider, request, response, details);
  }
  return details.prompt.name === 'login'
    ? loginPage(response, details)
    : consentPage(response, details, await clientName(provider, details));
}

async function finish(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  details: InteractionDetails,
): Promise<void> {
  const form = new URLSearchParams(await readBody(request));
  if (form.get('decision') !== 'allow') {
    const result = { error: 'access_denied', error_description: 'The person said no' };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  if (details.prompt.name === 'login') {
    const accountId = form.get('account')?.trim() || 'alice';
    const result = { login: { accountId } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const grantId = await saveGrant(provider, details);
  return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

async function saveGrant(
  provider: Provider,
  { grantId, session, params, prompt }: InteractionDetails,
): Promise<string> {
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const grant =
    existing ?? new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params['client_id']) });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

async function clientName(provider: Provider, details: InteractionDetails): Promise<string> {
  const client = await provider.Client.find(String(details.params['client_id']));
  return client?.clientName ?? client?.clientId ?? 'An application';
}

function loginPage(response: ServerResponse, details: InteractionDetails): void {
  const hint = typeof details.params['login_hint'] === 'string' ? details.params['login_hint'] : '';
  page(
    response,
    200,
    'Sign in',
    `<p>An example authorization server. Any name will do.</p>
    <form method="post" action="/interaction/${encodeURIComponent(details.uid)}">
      <label>Name <input name="account" autocomplete="username" placeholder="alice" value="${escapeHtml(hint)}"></label>
      ${buttons('Sign in')}
    </form>`,
  );
}

function consentPage(response: ServerResponse, details: InteractionDetails, client: string): void {
  const scopes = String(details.params['scope'] ?? '')
    .split(' ')
    .filter(Boolean);
  const resource = details.params['resource'];
  const list = scopes.map((scope) => `<li><code>${escapeHtml(scope)}</code></li>`).join('');
  page(
    response,
    200,
    `Allow ${escapeHtml(client)}?`,
    `<p>Signed in as <strong>${escapeHtml(details.session?.accountId ?? '')}</strong>.</p>
    <p>It asks for access${resource === undefined ? '' : ` to <code>${escapeHtml(String(resource))}</code>`}:</p>
    <ul>${list === '' ? '<li>nothing in particular</li>' : list}</ul>
    <form method="post" action="/interaction/${encodeURIComponent(details.uid)}">${buttons('Allow')}</form>`,
  );
}

function buttons(yes: string): string {
  return `<button name="decision" value="allow">${yes}</button> <button name="decision" value="deny">Deny</button>`;
}

/** A whole page; title and content are HTML. */
function page(response: ServerResponse, status: number, title: string, content: string): void {
  response.writeHead(status, PAGE_HEADERS);
  response.end(pageHtml(title, content));
}

// No form-action: browsers apply it to the redirect to the client as well.
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
};

export function pageHtml(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>${content}</main></body></html>`;
}
