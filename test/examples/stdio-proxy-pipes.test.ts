import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { playPerson } from '../../examples/servers/person.js';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { closers } from '../with-oauth/support.js';
import { type BuiltExample, buildExample, newMachine, type RunningExample, until, urlIn } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

let example: BuiltExample;
beforeAll(async () => {
  example = await buildExample('stdio-proxy');
}, 60_000);
afterAll(() => example.close());

const send = ({ child }: RunningExample, message: object) => void child.stdin?.write(`${JSON.stringify(message)}\n`);
const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: {} } });
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'host', version: '1.0.0' } },
};

async function startProxy() {
  const server = closing(await startRotatingServer());
  const proxy = closing(example.start([server.url], closing(await newMachine()).env));
  // A proxy that has ended reads no more.
  proxy.child.stdin?.on('error', () => undefined);
  return { server, proxy };
}

describe('a host that closes pipes of the stdio proxy', { timeout: 60_000 }, () => {
  it('stdout, with requests under way: it ends, and says nothing of its own inside', async () => {
    const { proxy } = await startProxy();
    send(proxy, initialize);
    await until(() => urlIn(proxy.output.stderr) !== undefined, 'the URL');
    await playPerson(urlIn(proxy.output.stderr) ?? '');
    await until(() => proxy.output.stdout.includes('"id":1'), 'the answer');
    proxy.child.stdout?.destroy();
    for (let id = 2; id < 8; id += 1) send(proxy, call(id));
    expect(await proxy.ended).toBe(1);
    expect(proxy.output.stderr).not.toContain('EPIPE');
  });

  it('stderr: notices are lost, and it goes on', async () => {
    const { server, proxy } = await startProxy();
    proxy.child.stderr?.destroy();
    send(proxy, initialize);
    await until(() => server.counts.count('register', 201) === 1, 'the registration');
    // The URL was a notice: it fails after this.
    proxy.child.stdin?.end();
    expect(await proxy.ended).toBe(0);
    expect(proxy.output.stdout).toContain('"code":"closed"');
  });
});
