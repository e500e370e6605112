import type { AuthEvent } from '../../src/index.js';
import { hesitantPerson } from '../with-oauth/support.js';
import { callbackOf, rpc, scene } from './support.js';

/** Windows of one application: providers over one store, and a person who answers when told to. */
export async function windows(count: number, serverOptions: Parameters<typeof scene>[1] = {}) {
  const who = hesitantPerson();
  who.wait();
  const world = await scene({}, serverOptions, who);
  const all = Array.from({ length: count }, () => {
    const events: AuthEvent[] = [];
    const provider = world.another({ onEvent: (event) => events.push(event) });
    return { provider, events, ping: () => provider.fetch(world.server.url, rpc('ping')) };
  });
  return { ...world, who, all };
}

export const types = (events: readonly AuthEvent[]) => events.map(({ type }) => type);
export const elsewhere = (events: readonly AuthEvent[]) => events.filter(({ type }) => type === 'sign_in_elsewhere');

/** A browser that brings the answer "no" back. */
export async function deny(url: string): Promise<void> {
  const back = new URL(await callbackOf(url));
  const answer = new URL(back.origin + back.pathname);
  for (const name of ['state', 'iss']) answer.searchParams.set(name, back.searchParams.get(name) ?? '');
  answer.searchParams.set('error', 'access_denied');
  await fetch(answer);
}
