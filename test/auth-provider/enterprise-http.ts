import type { IncomingMessage } from 'node:http';

export const GRANT = 'urn:ietf:params:oauth:grant-type:';

/** What a token endpoint answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export function refuse(error: string): Answer {
  return { status: error === 'invalid_client' ? 401 : 400, body: { error } };
}

/** By Basic, or in the form. */
export function clientIdOf(request: IncomingMessage, form: URLSearchParams): string {
  return basicOf(request)?.clientId ?? form.get('client_id') ?? '';
}

export function isClient(
  request: IncomingMessage,
  form: URLSearchParams,
  expected: { readonly clientId: string; readonly clientSecret: string | undefined },
): boolean {
  const { clientId, clientSecret } = basicOf(request) ?? {
    clientId: form.get('client_id') ?? '',
    clientSecret: form.get('client_secret') ?? undefined,
  };
  return clientId === expected.clientId && clientSecret === expected.clientSecret;
}

function basicOf(request: IncomingMessage): { clientId: string; clientSecret: string } | undefined {
  const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'Basic') return undefined;
  const [clientId = '', clientSecret = ''] = atob(credentials).split(':').map(decodeURIComponent);
  return { clientId, clientSecret };
}
