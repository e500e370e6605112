import { parseUrl } from '../../http/text.js';
import { NORMS } from './norms.js';
import type { StepLog } from './step-log.js';

/** What is known of a provider that only a sign-in or a registration would show. */
interface Provider {
  readonly name: string;
  readonly is: (issuer: URL) => boolean;
  readonly known: string;
  readonly remedy: string;
}

const on =
  (...domains: readonly string[]) =>
  ({ hostname }: URL) =>
    domains.some((domain) => hostname === domain || hostname.endsWith(`.${domain}`));

/** Recognised by the issuer alone; nothing here changes what the library does. */
const PROVIDERS: readonly Provider[] = [
  {
    name: 'GitHub',
    is: on('github.com'),
    known: 'it registers nobody, wants a secret, and answers errors with HTTP 200, which is read by its shape',
    remedy: 'Register an OAuth app there and set `clientInformation` with its secret.',
  },
  {
    name: 'Slack',
    is: on('slack.com'),
    known: 'it registers nobody, and answers `ok: false` with HTTP 200, which is read by its shape',
    remedy: 'Create an app there and set `clientInformation`.',
  },
  {
    name: 'Google',
    is: on('accounts.google.com'),
    known: 'it gives refresh tokens only where access_type=offline and prompt=consent are sent',
    remedy: "Set `authorizationParameters: { access_type: 'offline', prompt: 'consent' }`.",
  },
  {
    name: 'Microsoft Entra ID',
    is: on('login.microsoftonline.com', 'sts.windows.net'),
    known: 'it rejects the resource parameter (AADSTS9010010, 901002), and .default scopes do not mix with others',
    remedy: 'Set `resource: false`, and `scope: { override }` with what the server needs.',
  },
  {
    name: 'Auth0',
    is: on('auth0.com'),
    known: 'it wants the API in an audience parameter',
    remedy: 'Set `authorizationParameters: { audience }`.',
  },
  {
    name: 'Okta',
    is: on('okta.com', 'oktapreview.com'),
    known: 'its registration wants a token',
    remedy: 'Set `clientInformation`, or `initialAccessToken`.',
  },
  {
    name: 'Keycloak',
    is: ({ pathname }) => /^(\/auth)?\/realms\/[^/]+\/?$/.test(pathname),
    known: 'its registration rejects unknown members and scopes, and may assign client_secret_basic; both are handled',
    remedy: 'Nothing has to be done where registration is allowed there; else set `clientInformation`.',
  },
  {
    name: 'Amazon Cognito',
    is: ({ hostname }) => /^cognito-idp\.[a-z0-9-]+\.amazonaws\.com$/.test(hostname),
    known: 'it answers 400 at well-known URLs that it does not have, and lists no PKCE method',
    remedy: 'Set `issuerExceptions` with `assumeS256: true` for this issuer.',
  },
  {
    name: 'Atlassian',
    is: on('atlassian.com'),
    known: 'its metadata has named another issuer, and a refresh token is good once',
    remedy: 'Where the issuer differs: `issuerExceptions` with `metadataIssuer`.',
  },
  {
    name: 'Notion',
    is: on('notion.com', 'notion.so'),
    known: 'a reused refresh token ends the session; the lock across processes keeps that from happening',
    remedy: 'Share one store between the windows of an application.',
  },
  {
    name: 'Linear',
    is: on('linear.app'),
    known: 'its tokens live 24 hours and are rotated; that is handled',
    remedy: 'Nothing has to be done.',
  },
  {
    name: 'Sentry',
    is: on('sentry.io', 'sentry.dev'),
    known: 'it refuses metadata documents whose localhost redirects have a port',
    remedy: "Where the browser shows that: `registration: 'dynamic'`.",
  },
  {
    name: 'Stripe',
    is: on('stripe.com'),
    known: 'its registration needs a client_name and offers public clients only; both are handled',
    remedy: 'Set `clientMetadata.client_name` to the name of your application.',
  },
  {
    name: 'Figma',
    is: on('figma.com'),
    known: 'it registers the clients on its list only',
    remedy: 'Ask it to list your application, or set `clientInformation`.',
  },
  {
    name: 'ClickUp',
    is: on('clickup.com'),
    known: 'it registers the clients on its list only',
    remedy: 'Ask it to list your application, or set `clientInformation`.',
  },
  {
    name: 'Salesforce',
    is: on('salesforce.com', 'force.com'),
    known: 'it takes redirects to localhost only, and exact scopes',
    remedy: "Set `loopback: { host: 'localhost' }` and `scope`.",
  },
  {
    name: 'HubSpot',
    is: on('hubspot.com'),
    known: 'its registration endpoint answers 404',
    remedy: 'Create an app there and set `clientInformation`.',
  },
];

/** What is known of the provider, where the issuer shows who it is. Said as hearsay: it was not asked. */
export function judgeProvider(log: StepLog, issuer: string): void {
  const url = parseUrl(issuer);
  const provider = url === undefined ? undefined : PROVIDERS.find(({ is }) => is(url));
  if (provider === undefined) return;
  const message = `By its issuer this is ${provider.name}. Known of it, and not asked here: ${provider.known}.`;
  log.add('note', 'provider', message, NORMS.registration, { remedy: provider.remedy });
}
