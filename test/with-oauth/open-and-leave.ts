// Run in a process of its own by exit.test.ts: sessions that work, fail and are closed in the middle of a sign-in, then
// nothing more. The process has to end by itself; what keeps it is printed.
import { startInternalMcpServerV1 } from '../../examples/servers/internal-mcp-server-v1.js';
import { rejection } from '../support/failure.js';
import { absentPerson, FOUR, open, signingIn, urlFor } from './support.js';

const server = await startInternalMcpServerV1();
const codes: unknown[] = [];
for (const kind of FOUR) {
  const url = urlFor(kind, server);
  const works = open(kind, url, signingIn());
  await works.connect();
  await works.call('echo', { text: 'hi' });
  await works.close();

  // Nobody closes these two: connect has rejected.
  const fails = open(kind, url, { ...signingIn(), interactive: false });
  codes.push(((await rejection(fails.connect())) as { code?: unknown }).code);
  const nobody = absentPerson();
  const waits = open(kind, url, { ...signingIn(nobody), timeouts: { signIn: 50 } });
  codes.push(((await rejection(waits.connect())) as { code?: unknown }).code);
  await nobody.close();

  const who = absentPerson();
  const left = open(kind, url, signingIn(who));
  const outcome = rejection(left.connect());
  while (who.tabs.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await left.close();
  await left.transport.close();
  codes.push(((await outcome) as { code?: unknown }).code);
  await who.close();
}
await server.close();
// A closed handle is listed until the end of the turn.
await new Promise((resolve) => setImmediate(resolve));
process.stdout.write(
  JSON.stringify({ codes, listening: process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap') }),
);
