import { randomUUID } from 'node:crypto';
import type { Answer, Deviation, KnownClient, Received } from './deviation.js';
import { refusal } from './tokens.js';

/** The clients that the authorization server knows, and how they prove who they are. */
export class Clients {
  readonly #deviation: Deviation;
  readonly #known: Map<string, KnownClient>;

  constructor(deviation: Deviation) {
    this.#deviation = deviation;
    this.#known = new Map((deviation.clients ?? []).map((client) => [client.client_id, client]));
  }

  /** An https URL is taken for a client id metadata document, without a look at it. */
  find(clientId: string): KnownClient | undefined {
    return this.#known.get(clientId) ?? (clientId.startsWith('https://') ? { client_id: clientId } : undefined);
  }

  register(request: Received): Answer {
    const { registration, registered } = this.#deviation;
    const refused = registration === false ? refusal('not_found', undefined, 404) : registration?.(request);
    if (refused !== undefined) return refused;
    const client = { ...request.json, client_id: randomUUID() };
    const answer = registered?.(client) ?? { status: 201, body: client };
    const members = Object.entries(answer.body as Record<string, unknown>).filter(([, value]) => value !== null);
    const kept = Object.fromEntries(members) as Omit<KnownClient, 'client_id'> & { client_id: unknown };
    const clientId = String(kept.client_id);
    this.#known.set(clientId, { ...kept, client_id: clientId });
    return answer;
  }

  /** The client of a token or revocation request, where it proved to be that one. */
  authenticated({ headers, parameters }: Received): KnownClient | undefined {
    const basic = /^Basic (.*)$/.exec(headers.authorization ?? '')?.[1];
    const sent = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString('utf8');
    if (sent !== undefined) return this.#byBasic(sent);
    const client = this.find(parameters.get('client_id') ?? '');
    const secret = parameters.get('client_secret') ?? undefined;
    const takesBody = client?.token_endpoint_auth_method !== 'client_secret_basic';
    if (client?.client_secret === undefined) return secret === undefined ? client : undefined;
    return takesBody && secret === client.client_secret ? client : undefined;
  }

  #byBasic(sent: string): KnownClient | undefined {
    const [id = '', secret = ''] = sent.split(':');
    const decode = this.#deviation.basic === 'undecoded' ? (text: string) => text : formDecode;
    return [...this.#known.values()].find(
      (client) =>
        client.client_id === decode(id) &&
        client.client_secret !== undefined &&
        client.client_secret === decode(secret) &&
        (client.token_endpoint_auth_method ?? 'client_secret_basic') === 'client_secret_basic',
    );
  }
}

function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
