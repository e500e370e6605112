import { fromBase64Url } from './encoding.js';
import { oauthError, type TestAnswer, type TestRequest } from './exchange.js';
import type { TestClient, TestServerSettings } from './settings.js';

/** The clients that the authorization server knows, and how they prove who they are. */
export class Clients {
  readonly #settings: TestServerSettings;
  readonly #registered = new Map<string, TestClient>();

  constructor(settings: TestServerSettings) {
    this.#settings = settings;
  }

  find(clientId: string): TestClient | undefined {
    const known = this.#all().find((client) => client.client_id === clientId);
    const isDocument = this.#settings.cimd && clientId.startsWith('https://');
    return known ?? (isDocument ? { client_id: clientId } : undefined);
  }

  register(request: TestRequest): TestAnswer {
    const { registration, registered } = this.#settings;
    if (registration === false) return oauthError('not_found', undefined, 404);
    const refused = registration === true ? undefined : registration(request);
    if (refused !== undefined) return refused;
    const client = { ...request.json, client_id: crypto.randomUUID() };
    const answer = registered?.(client) ?? { status: 201, body: client };
    const members = Object.entries(answer.body as Record<string, unknown>).filter(([, value]) => value !== null);
    const kept = Object.fromEntries(members) as Omit<TestClient, 'client_id'> & { client_id: unknown };
    const clientId = String(kept.client_id);
    this.#registered.set(clientId, { ...kept, client_id: clientId });
    return answer;
  }

  forget(): void {
    this.#registered.clear();
  }

  /** The client of a token or revocation request, where it proved to be that one. */
  authenticated({ headers, parameters }: TestRequest): TestClient | undefined {
    const basic = /^Basic (.*)$/.exec(headers['authorization'] ?? '')?.[1];
    if (basic !== undefined) return this.#byBasic(new TextDecoder().decode(fromBase64Url(basic)));
    const client = this.find(parameters.get('client_id') ?? '');
    const secret = parameters.get('client_secret') ?? undefined;
    const takesBody = client?.token_endpoint_auth_method !== 'client_secret_basic';
    if (client?.client_secret === undefined) return secret === undefined ? client : undefined;
    return takesBody && secret === client.client_secret ? client : undefined;
  }

  #byBasic(sent: string): TestClient | undefined {
    const [id = '', secret = ''] = sent.split(':');
    const decode = this.#settings.basic === 'undecoded' ? (text: string) => text : formDecode;
    return this.#all().find(
      (client) =>
        client.client_id === decode(id) &&
        client.client_secret !== undefined &&
        client.client_secret === decode(secret) &&
        (client.token_endpoint_auth_method ?? 'client_secret_basic') === 'client_secret_basic',
    );
  }

  #all(): readonly TestClient[] {
    return [...this.#registered.values(), ...this.#settings.clients];
  }
}

function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
