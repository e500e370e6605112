import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ProofClaims, verifyProof } from '../../examples/servers/dpop-proofs.js';
import { createProver, type DpopProver, generateProofKey, sendWithProof } from '../../src/dpop/index.js';
import { importProofKey, type ProofKey } from '../../src/dpop/proof-key.js';
import { ManualClock } from '../support/clock.js';
import { rejection } from '../support/failure.js';

const URL_OF = (path: string, origin = 'https://mcp.example.com') => new URL(path, origin);
const TOKEN = 'access-token';
const clock = new ManualClock();

const proverOf = async () => createProver(await generateProofKey('ES256'), clock);

/** A resource that answers with `answers` in turn, and checks what it is sent. */
function resource(prover: DpopProver, ...answers: Response[]) {
  const proofs: ProofClaims[] = [];
  const send = (request: { url?: URL; method?: string; replayable?: boolean } = {}) => {
    const { url = URL_OF('/mcp'), method = 'POST', replayable = true } = request;
    return sendWithProof(prover, { url, method, replayable, accessToken: TOKEN }, async ({ authorization, dpop }) => {
      expect(authorization).toBe(`DPoP ${TOKEN}`);
      proofs.push(await verifyProof(dpop, { method, url: url.origin + url.pathname, accessToken: TOKEN }));
      const answer = answers.shift();
      if (answer === undefined) throw new Error('a request too many');
      return answer;
    });
  };
  return { send, proofs };
}

const ok = (headers: Record<string, string> = {}) => new Response(null, { headers });
const refusal = (error: string, headers: Record<string, string> = {}) =>
  new Response(null, { status: 401, headers: { 'www-authenticate': `DPoP error="${error}"`, ...headers } });
const dateAt = (offsetMs: number) => ({ date: new Date(clock.now() + offsetMs).toUTCString() });

describe('a proof', () => {
  it.each(['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'] as const)('is signed by %s', async (algorithm) => {
    const prover = await createProver(await generateProofKey(algorithm), clock);
    const { send, proofs } = resource(prover, ok());
    await send();
    expect(proofs[0]).toMatchObject({ alg: algorithm, jkt: prover.thumbprint });
  });

  it('names method and URL without query and fragment, the token, the time by our clock, and is never the same', async () => {
    const { send, proofs } = resource(await proverOf(), ok(), ok(), ok());
    await send({ url: URL_OF('/mcp?a=1#b'), method: 'GET' });
    await send();
    await send();
    expect(proofs[0]).toMatchObject({ htm: 'GET', htu: 'https://mcp.example.com/mcp', iat: clock.now() / 1000 });
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(3);
  });

  it('for a request without a token has no ath', async () => {
    const prover = await proverOf();
    const url = URL_OF('/revoke?x=1');
    const answer = await prover.sendProof(url, async (proof) => {
      expect(await verifyProof(proof, { method: 'POST', url: 'https://mcp.example.com/revoke' })).toMatchObject({
        ath: undefined,
      });
      return ok();
    });
    expect(answer.status).toBe(200);
  });

  it('hands the answer and the failure of the request on as they are', async () => {
    const prover = await proverOf();
    const request = { url: URL_OF('/mcp'), method: 'GET', replayable: true, accessToken: TOKEN };
    const answer = new Response('body', {
      status: 403,
      headers: { 'www-authenticate': 'DPoP error="insufficient_scope"' },
    });
    expect(await sendWithProof(prover, request, async () => answer)).toBe(answer);
    const failure = new TypeError('fetch failed');
    expect(await rejection(sendWithProof(prover, request, () => Promise.reject(failure)))).toBe(failure);
  });
});

describe('nonces', () => {
  it('a nonce that is asked for is answered with exactly one retry, and remembered for that origin', async () => {
    const prover = await proverOf();
    const { send, proofs } = resource(prover, refusal('use_dpop_nonce', { 'dpop-nonce': 'n1' }), ok(), ok(), ok());
    expect((await send()).status).toBe(200);
    await send();
    await send({ url: URL_OF('/mcp', 'https://other.example.com') });
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n1', undefined]);
  });

  it('the newest one is used, also that of a success', async () => {
    const answers = ['n1', 'n2', 'n3'].map((nonce) => ok({ 'dpop-nonce': nonce }));
    const { send, proofs } = resource(await proverOf(), ...answers, ok());
    for (let request = 0; request < 4; request += 1) await send();
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n2', 'n3']);
  });

  it.each([
    ['is longer than 1 KiB', 'n'.repeat(12 * 1024)],
    ['has a space in it', 'n 1'],
    ['has characters outside of ASCII', 'n\xe4'],
  ])('one that %s is left alone, and the one before it is used on', async (_, nonce) => {
    const answers = [ok({ 'dpop-nonce': 'n1' }), ok({ 'dpop-nonce': nonce }), ok({ 'dpop-nonce': 'n'.repeat(1024) })];
    const { send, proofs } = resource(await proverOf(), ...answers, ok());
    for (let request = 0; request < 4; request += 1) await send();
    expect(proofs.map((proof) => proof.nonce)).toEqual([undefined, 'n1', 'n1', 'n'.repeat(1024)]);
  });

  it('one that cannot be used is no reason to send a request again', async () => {
    const refused = refusal('use_dpop_nonce', { 'dpop-nonce': 'n'.repeat(12 * 1024) });
    const { send, proofs } = resource(await proverOf(), refused, ok());
    expect((await send()).status).toBe(401);
    expect(proofs).toHaveLength(1);
    expect((await send()).status).toBe(200);
    expect(proofs[1]?.nonce).toBeUndefined();
  });

  it('a request that is refused retries with the nonce of its own answer, although another came meanwhile', async () => {
    const prover = await proverOf();
    const seen: (string | undefined)[] = [];
    const request = { url: URL_OF('/mcp'), method: 'GET', replayable: true, accessToken: TOKEN };
    const nonceOf = async (dpop: string) =>
      (await verifyProof(dpop, { method: 'GET', url: request.url.href, accessToken: TOKEN })).nonce;
    const sendAs = (name: string) =>
      sendWithProof(prover, request, async ({ dpop }) => {
        const nonce = await nonceOf(dpop);
        seen.push(`${name} ${nonce}`);
        return nonce === `of-${name}` ? ok() : refusal('use_dpop_nonce', { 'dpop-nonce': `of-${name}` });
      });
    const names = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(names.map(sendAs));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(seen).toHaveLength(8);
  });

  it.each([
    [
      'is refused again',
      [refusal('use_dpop_nonce', { 'dpop-nonce': 'n1' }), refusal('use_dpop_nonce', { 'dpop-nonce': 'n2' })],
    ],
    ['is not given', [refusal('use_dpop_nonce')]],
  ])('one that %s ends with that answer', async (_, answers) => {
    const { send, proofs } = resource(await proverOf(), ...answers);
    expect((await send()).status).toBe(401);
    expect(proofs).toHaveLength(answers.length);
  });

  it('a body that cannot be sent again is not', async () => {
    const { send, proofs } = resource(await proverOf(), refusal('use_dpop_nonce', { 'dpop-nonce': 'n1' }), ok());
    expect((await send({ replayable: false })).status).toBe(401);
    expect((await send({ replayable: false })).status).toBe(200);
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'n1']);
  });

  it('an error that is not about the proof is none for a retry, whatever nonce came with it', async () => {
    const { send } = resource(await proverOf(), refusal('invalid_token', { 'dpop-nonce': 'n1' }));
    expect((await send()).status).toBe(401);
  });
});

describe('a server with another time', () => {
  it.each([3_600_000, -3_600_000, 6_000])('%i ms away is told its own time, once and from then on', async (offset) => {
    const { send, proofs } = resource(await proverOf(), refusal('invalid_dpop_proof', dateAt(offset)), ok(), ok());
    expect((await send()).status).toBe(200);
    await send();
    const seconds = (clock.now() + offset) / 1000;
    expect(proofs.map(({ iat }) => iat)).toEqual([clock.now() / 1000, seconds, seconds]);
  });

  it('is told so by every request that met it, however many there were at once', async () => {
    const prover = await proverOf();
    const request = { url: URL_OF('/mcp'), method: 'GET', replayable: true, accessToken: TOKEN };
    let refused = 0;
    const send = () =>
      sendWithProof(prover, request, async ({ dpop }) => {
        const { iat } = await verifyProof(dpop, { method: 'GET', url: request.url.href, accessToken: TOKEN });
        if (iat !== clock.now() / 1000) return ok();
        refused += 1;
        return refusal('invalid_dpop_proof', dateAt(3_600_000));
      });
    const answers = await Promise.all([send(), send(), send()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(refused).toBe(3);
  });

  it.each([
    ['a few seconds away', dateAt(4_000)],
    ['that does not say', {}],
    ['that says nonsense', { date: 'yesterday' }],
  ])('%s is not asked again', async (_, headers) => {
    const { send, proofs } = resource(await proverOf(), refusal('invalid_dpop_proof', headers));
    expect((await send()).status).toBe(401);
    expect(proofs).toHaveLength(1);
  });

  it('whose time is never right gets one retry for it and one for the nonce', async () => {
    const { send, proofs } = resource(
      await proverOf(),
      refusal('invalid_dpop_proof', dateAt(3_600_000)),
      refusal('use_dpop_nonce', { 'dpop-nonce': 'n1' }),
      refusal('invalid_dpop_proof', dateAt(7_200_000)),
    );
    expect((await send()).status).toBe(401);
    expect(proofs).toHaveLength(3);
  });
});

describe('the key', () => {
  it('cannot be exported once it is in use, and is in nothing that is logged', async () => {
    const key = await generateProofKey('ES256');
    const { privateKey } = await importProofKey(JSON.parse(JSON.stringify(key)));
    expect(privateKey.extractable).toBe(false);
    const prover = await createProver(key, clock);
    expect(inspect(prover, { depth: 9, showHidden: true }) + JSON.stringify(prover)).not.toContain(key.d);
  });

  it.each([
    ['another curve', { crv: 'P-384' }],
    ['a point that is none', { x: 'AAAA' }],
    ['no private part', { d: '' }],
  ])('with %s is store_unreadable, and quoted nowhere', async (_, change) => {
    const key: ProofKey = { ...(await generateProofKey('ES256')), ...change };
    const error = await rejection(createProver(key, clock));
    expect(error).toMatchObject({ code: 'store_unreadable', stage: 'store' });
    expect((error as Error).cause).toBeUndefined();
    expect(inspect(error)).not.toContain(key.y);
  });
});
