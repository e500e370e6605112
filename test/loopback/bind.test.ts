import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type Bound, bindLoopback, type Listen, listenOn } from '../../src/loopback/bind.js';

const BOTH = { host: 'localhost', addresses: ['127.0.0.1', '::1'] };

/** A machine whose answers are written down: `undefined` binds, a string is the error code. */
function machine(answer: (address: string, port: number) => string | undefined) {
  const open = new Set<string>();
  let free = 50_000;
  const listen: Listen = async (address, wanted) => {
    const port = wanted === 0 ? ++free : wanted;
    const code = answer(address, port);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    open.add(`${address} ${port}`);
    return { address, port, close: async () => void open.delete(`${address} ${port}`) } satisfies Bound;
  };
  return { listen, open };
}

describe('binding localhost', () => {
  it('F17: binds both loopbacks on the same port', async () => {
    const { listen, open } = machine(() => undefined);
    await bindLoopback(BOTH, 0, listen);
    expect([...open]).toEqual(['127.0.0.1 50001', '::1 50001']);
  });

  it.each(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])('F17: is content with IPv4 where IPv6 answers %s', async (code) => {
    const { listen, open } = machine((address) => (address === '::1' ? code : undefined));
    expect(await bindLoopback(BOTH, 0, listen)).toHaveLength(1);
    expect([...open]).toEqual(['127.0.0.1 50001']);
  });

  it('F17: is content with IPv6 where there is no IPv4', async () => {
    const { listen, open } = machine((address) => (address === '::1' ? undefined : 'EADDRNOTAVAIL'));
    await bindLoopback(BOTH, 4_000, listen);
    expect([...open]).toEqual(['::1 4000']);
  });

  it('tries another free port where someone holds the first one on the other loopback', async () => {
    const { listen, open } = machine((address, port) =>
      address === '::1' && port < 50_003 ? 'EADDRINUSE' : undefined,
    );
    await bindLoopback(BOTH, 0, listen);
    expect([...open]).toEqual(['127.0.0.1 50003', '::1 50003']);
  });

  it('F17: does not share a chosen port with whoever holds it on the other loopback', async () => {
    const { listen, open } = machine((address) => (address === '::1' ? 'EADDRINUSE' : undefined));
    await expect(bindLoopback(BOTH, 4_000, listen)).rejects.toMatchObject({
      code: 'listener_failed',
      stage: 'callback',
      cause: { code: 'EADDRINUSE' },
    });
    expect(open.size).toBe(0);
  });

  it.each([
    ['EADDRINUSE', /another program holds the port.*port 0/],
    ['EACCES', /above 1023/],
    ['EADDRNOTAVAIL', /another loopback host/],
    ['EMFILE', /redirectUrl/],
  ])('says what to do about %s, in bounded time', async (code, remedy) => {
    const { listen } = machine(() => code);
    const failure = bindLoopback(BOTH, 0, listen);
    await expect(failure).rejects.toThrow(remedy);
    await expect(failure).rejects.toMatchObject({ code: 'listener_failed', cause: { code } });
  });
});

it('an error of a server that listens does not end the process', async () => {
  const server = createServer();
  const bound = await listenOn(server, '127.0.0.1', 0);
  const failure = Object.assign(new Error('accept'), { code: 'EMFILE' });
  for (let i = 0; i < 2; i++) expect(() => server.emit('error', failure)).not.toThrow();
  await bound.close();
});
