import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type {
  OAuthClientInformationContext,
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  OAuthTokens,
} from '@modelcontextprotocol/client';

interface Stored {
  readonly clients?: Readonly<Record<string, OAuthClientInformationMixed>>;
  readonly tokens?: OAuthTokens;
  readonly verifier?: string;
  readonly discovery?: OAuthDiscoveryState;
}

/**
 * What applications give the SDKs where several of their windows share a session: one JSON file that every process reads and writes.
 * It is replaced as a whole, so that nobody reads half of it. `state` belongs to the window that made it.
 */
export class SharedFileProvider implements OAuthClientProvider {
  /** The URLs a browser tab was opened with. */
  readonly redirects: URL[] = [];
  lastState: string | undefined;
  /** How often the file was read. */
  reads = 0;

  readonly clientMetadataUrl?: string;

  constructor(
    readonly file: string,
    readonly redirectUrl: string,
    readonly clientMetadata: OAuthClientMetadata,
    clientMetadataUrl?: string,
  ) {
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl;
  }

  clientInformation(context?: OAuthClientInformationContext): OAuthClientInformationMixed | undefined {
    return this.#read().clients?.[context?.issuer ?? ''];
  }

  saveClientInformation(client: OAuthClientInformationMixed, context?: OAuthClientInformationContext): void {
    this.#write({ clients: { ...this.#read().clients, [context?.issuer ?? '']: client } });
  }

  tokens(): OAuthTokens | undefined {
    return this.#read().tokens;
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#write({ tokens });
  }

  state(): string {
    this.lastState = crypto.randomUUID();
    return this.lastState;
  }

  redirectToAuthorization(url: URL): void {
    this.redirects.push(url);
  }

  saveCodeVerifier(verifier: string): void {
    this.#write({ verifier });
  }

  codeVerifier(): string {
    const { verifier } = this.#read();
    if (verifier === undefined) throw new Error('No code verifier was saved.');
    return verifier;
  }

  saveDiscoveryState(discovery: OAuthDiscoveryState): void {
    this.#write({ discovery });
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#read().discovery;
  }

  invalidateCredentials(scope: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    const all = this.#read();
    const gone = (name: typeof scope) => scope === 'all' || scope === name;
    this.#replace({
      ...(all.clients !== undefined && !gone('client') && { clients: all.clients }),
      ...(all.tokens !== undefined && !gone('tokens') && { tokens: all.tokens }),
      ...(all.verifier !== undefined && !gone('verifier') && { verifier: all.verifier }),
      ...(all.discovery !== undefined && !gone('discovery') && { discovery: all.discovery }),
    });
  }

  #read(): Stored {
    this.reads += 1;
    try {
      return JSON.parse(readFileSync(this.file, 'utf8')) as Stored;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }

  #write(change: Stored): void {
    this.#replace({ ...this.#read(), ...change });
  }

  #replace(content: Stored): void {
    const temporary = `${this.file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
    renameSync(temporary, this.file);
  }
}
