import type { RedisSingleClient } from '../../src/stores/redis-client.js';

type Eval = RedisSingleClient['eval'];

export interface FakeRedis {
  readonly client: RedisSingleClient;
  /** The scripts that were sent, with the signal that would take them out of the client's queue. */
  readonly sent: { script: string; keys: string[]; arguments: string[]; signal: AbortSignal }[];
}

/** A client whose Redis answers what the test says. */
export function fakeRedis(answer: Eval): FakeRedis {
  const sent: FakeRedis['sent'] = [];
  const commands = (signal: AbortSignal): Pick<RedisSingleClient, 'eval' | 'scan'> => ({
    eval(script, options) {
      sent.push({ script, ...options, signal });
      return answer(script, options);
    },
    scan: async () => ({ cursor: '0', keys: [] }),
  });
  const idle = new AbortController().signal;
  const client = {
    ...commands(idle),
    withCommandOptions: ({ abortSignal }: { abortSignal: AbortSignal }) => commands(abortSignal),
  };
  return { client, sent };
}
