import { expect, it } from 'vitest';
import { FAULTS } from './faults.js';
import { FLOWS, type Flow } from './flows.js';
import { type Life, life } from './life.js';
import { MCP, type Sent } from './servers.js';

/** What tells a request of one kind from those of others. */
function kindOf({ method, url, body }: Sent): string {
  return `${method} ${url} ${new URLSearchParams(body).get('grant_type') ?? ''}`;
}

/** For a machine that has much else to do; it takes a few seconds. */
const LIMIT_MS = 120_000;

const flowOf = (name: string): Flow => FLOWS[name] ?? (() => ({}));

/** The kinds of requests that a flow makes. */
async function requestsOf(name: string): Promise<Set<string>> {
  const undisturbed = life(flowOf(name));
  await undisturbed.live();
  await undisturbed.leaks();
  return new Set(undisturbed.servers.sent.map(kindOf));
}

/** Lets the requests of one kind fail, each in another way; `untried` are the ways that are left. */
async function failing(name: string, kind: string, untried: Set<string>): Promise<Life> {
  const session: Life = life(flowOf(name), (sent) => {
    if (kindOf(sent) !== kind) return undefined;
    const [fault = 'no connection'] = untried;
    untried.delete(fault);
    return FAULTS[fault]?.(sent, session);
  });
  await session.live();
  return session;
}

/** Declares the tests of flows whose requests fail in every way. `everywhere`: those too that all flows have in common. */
export function describeFailures(names: readonly string[], { everywhere = false } = {}): void {
  it.each(names)(
    '%s: shows none of its secrets, whichever of its requests fails, and in whichever way',
    async (name) => {
      const marks = new Set<number>();
      for (const kind of await requestsOf(name)) {
        if (!everywhere && (kind.includes('/.well-known/') || kind.includes(MCP))) continue;
        const untried = new Set(Object.keys(FAULTS));
        for (let inVain = 0; untried.size > 0; ) {
          const ways = [...untried];
          const session = await failing(name, kind, untried);
          expect({ kind, ways, leaks: await session.leaks() }).toEqual({ kind, ways, leaks: [] });
          // A life may end before the request on a machine that is busy; not every time.
          inVain = untried.size === ways.length ? inVain + 1 : 0;
          expect({ kind, ways, inVain }).not.toMatchObject({ inVain: 3 });
          marks.add(session.marks.size);
        }
      }
      expect(Math.max(...marks)).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
}
