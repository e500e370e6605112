import * as oauth from 'oauth4webapi';
import type { Clock } from '../clock.js';
import { serverNonces } from './nonce.js';
import { importProofKey, type ProofKey } from './proof-key.js';
import { type ServerClocks, serverClocks } from './server-clocks.js';

/** Proves the possession of one key, and remembers the newest nonce and the time of each server. */
export interface DpopProver {
  /** For the token requests of oauth4webapi. */
  readonly handle: oauth.DPoPHandle;
  /** The key's thumbprint, for `dpop_jkt`. @see {@link https://www.rfc-editor.org/rfc/rfc7638.html | RFC 7638} */
  readonly thumbprint: string;
  /** How far the clocks of servers are from this machine's: the `iat` of a proof follows them. RFC 9449 section 4.2. */
  readonly clocks: ServerClocks;
  /**
   * Sends a request with the access token and a fresh proof for it; `send` gets the two headers.
   *
   * @param request - What the proof is for.
   * @param send - Sends the request with the headers that it gets, and gives the answer.
   * @returns The answer, whatever its status. Its nonce is remembered.
   * @throws what `send` throws
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-7.1 | RFC 9449 section 7.1}
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-9 | RFC 9449 section 9}
   */
  sendToken(request: TokenCarrier, send: (headers: DpopHeaders) => Promise<Response>): Promise<Response>;
  /**
   * Sends a POST with a fresh proof without an access token; `send` gets the proof.
   *
   * @param url - Where the request goes: the `htu` of the proof.
   * @param send - Sends the request with the proof that it gets, and gives the answer.
   * @returns The answer, whatever its status. Its nonce is remembered.
   * @throws what `send` throws
   * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-5 | RFC 9449 section 5}
   */
  sendProof(url: URL, send: (proof: string) => Promise<Response>): Promise<Response>;
}

/** A request to the protected resource. */
export interface TokenCarrier {
  /** The HTTP method: the `htm` of the proof. RFC 9449 section 4.2. */
  readonly method: string;
  /** The whole URL; the proof has it as `htu`, without query and fragment. RFC 9449 section 4.2. */
  readonly url: URL;
  /** The bound token; the proof has its hash as `ath`. RFC 9449 section 4.2. */
  readonly accessToken: string;
}

/** The headers that carry a bound token. */
export interface DpopHeaders {
  /** The value of `Authorization`: the scheme `DPoP` and the access token. RFC 9449 section 7.1. */
  readonly authorization: string;
  /** The value of `DPoP`: the proof, a JWT that is good for this one request. RFC 9449 section 4.1. */
  readonly dpop: string;
}

/**
 * The prover of a key. Every proof has a `jti` of its own.
 *
 * @param key - The key, e.g. from {@link generateProofKey} or the store.
 * @param clock - Time, as `iat` has it.
 * @returns The prover, with the nonces and times of servers that it meets in memory.
 * @throws {@link McpOAuthError} `store_unreadable` where the key is none
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449.html#section-4.2 | RFC 9449 section 4.2}
 */
export async function createProver(key: ProofKey, clock: Clock): Promise<DpopProver> {
  const clocks = serverClocks(clock);
  const nonces = serverNonces();
  const handle = oauth.DPoP({}, await importProofKey(key), {
    [oauth.modifyAssertion](header, payload) {
      // oauth4webapi knows the new name of the algorithm alone, and this machine's clock.
      header['alg'] = key.alg;
      const { origin } = new URL(String(payload['htu']));
      payload['iat'] = clocks.secondsAt(origin);
      // It keeps every nonce, whatever it is.
      payload['nonce'] = nonces.usable(origin, payload['nonce']);
    },
  });
  return {
    handle,
    clocks,
    thumbprint: await handle.calculateThumbprint(),
    sendToken: ({ method, url, accessToken }, send) =>
      answerOf(
        send,
        ({ authorization = '', dpop = '' }) => ({ authorization, dpop }),
        (options) =>
          oauth.protectedResourceRequest(accessToken, method, url, undefined, undefined, { ...options, DPoP: handle }),
      ),
    sendProof: (url, send) =>
      answerOf(
        send,
        ({ dpop = '' }) => dpop,
        (options) => {
          const server = { issuer: url.origin, token_endpoint: url.href };
          const parameters = new URLSearchParams();
          return oauth.genericTokenEndpointRequest(server, CLIENT, oauth.None(), 'none', parameters, {
            ...options,
            DPoP: handle,
          });
        },
      ),
  };
}

/** Never sent: of the request that it is part of, the proof alone is. */
const CLIENT: oauth.Client = { client_id: 'none' };

type RequestOptions = oauth.ProtectedResourceRequestOptions & oauth.TokenEndpointRequestOptions;

/**
 * Lets oauth4webapi make the proof and read the nonce of the answer, but sends the request ourselves: as it was given, whatever its
 * body, and with redirects and failures handled as for any other token.
 */
async function answerOf<T>(
  send: (given: T) => Promise<Response>,
  read: (headers: Record<string, string | undefined>) => T,
  request: (options: RequestOptions) => Promise<Response>,
): Promise<Response> {
  let answer: Response | undefined;
  try {
    await request({
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: async (_url: string, init: { headers: Record<string, string> }) => {
        answer = await send(read(init.headers));
        return answer;
      },
    });
  } catch (error) {
    // With an answer it is a challenge that was found in it, or an answer of another class than the platform's.
    if (answer === undefined) throw error;
  }
  return answer as Response;
}
