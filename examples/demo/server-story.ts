import type { DemoOptions } from './arguments.js';
import { openClient, type Stage } from './demo-client.js';
import { printable } from './describe.js';

/** The client part of the story, at somebody's server: nothing is called that was not asked for. */
export async function tellServerStory(stage: Stage, serverUrl: URL, call: DemoOptions['call']): Promise<void> {
  const { narrator, screen } = stage;
  const first = await narrator.connecting(() => openClient(stage, serverUrl));
  const tools = await first.tools();
  screen.good(`${tools.length} tools: ${printable(tools.join(', '), 400)}`);
  if (call === undefined) screen.good('None is called; --call TOOL --args JSON calls one');
  else screen.good(`${call.tool}(${JSON.stringify(call.args)}) → ${await first.call(call.tool, call.args)}`);
  const session = await first.provider.session();
  await first.close();
  if (!session.signedIn) {
    screen.good('This server wanted no token, so there is no session to go on with or to end');
    return;
  }

  narrator.chapter('secondStart');
  const before = narrator.tally.authorization;
  const second = await openClient(stage, serverUrl, { interactive: false });
  screen.good(
    `${(await second.tools()).length} tools again, with ${narrator.tally.authorization - before} requests for authorization`,
  );

  narrator.chapter('signOut');
  const { revoked, error } = await second.provider.signOut();
  if (error !== undefined) screen.bad(`${error.code}: ${error.message}`);
  screen.good(
    revoked ? 'Signed out, and the server revoked the tokens' : 'Signed out here; the server revoked nothing',
  );
}
