import { type BuiltExample, type Machine, until } from './support.js';

/** What a host sends first. */
export const initialize = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'host', version: '1.0.0' } },
});

/** A host that shows every line. */
export function startRawHost(example: BuiltExample, machine: Machine, serverUrl: string) {
  const running = example.start([serverUrl], machine.env);
  const lines = () => running.output.stdout.split('\n').slice(0, -1);
  const find = (id: unknown) =>
    lines()
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((message) => message['id'] === id);
  return {
    ...running,
    send: (message: object) => void running.child.stdin?.write(`${JSON.stringify(message)}\n`),
    async answer(id: unknown) {
      await until(() => find(id) !== undefined, `the answer to ${id}`);
      return find(id);
    },
  };
}
