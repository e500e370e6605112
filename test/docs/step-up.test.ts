import { afterEach, describe, expect, it } from 'vitest';
import type { AuthProviderOptions, StepUpAnswer, StepUpRequest } from '../../src/index.js';
import { callTool, closers, rpc, scene } from '../auth-provider/support.js';
import { failure } from '../support/failure.js';
import { runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/step-up.md';
type OnStepUp = (request: StepUpRequest) => Promise<StepUpAnswer>;
interface Dialog {
  readonly title: string;
  readonly lines: readonly string[];
  readonly signal: AbortSignal;
}

/** A session whose application has the guide's dialog, and a user who presses a button of it. */
async function asking(pressed: () => string, options: Partial<AuthProviderOptions> = {}) {
  const dialogs: Dialog[] = [];
  const showDialog = async (dialog: Dialog) => {
    dialogs.push(dialog);
    return pressed();
  };
  const { onStepUp } = await runBlock<{ onStepUp: OnStepUp }>(PATH, 'function onStepUp', {}, { showDialog, URL });
  const toolScopes = { create_issue: ['issues:write'], delete_repo: ['repo:delete'], both: ['issues:write', 'repo:x'] };
  const world = closing(await scene({ onStepUp, ...options }, { defaultScope: 'issues:read', toolScopes }));
  await world.provider.authorize();
  const call = (tool: string) => world.provider.fetch(world.server.url, callTool(tool));
  return { ...world, dialogs, call };
}

describe('the dialog of the step-up guide', { timeout: 30_000 }, () => {
  it('shows who asks, for which tool, what is new and what there is; "Allow" lets the call through', async () => {
    const { call, dialogs, who, server } = await asking(() => 'Allow');
    expect((await call('create_issue')).status).toBe(200);
    expect(dialogs).toMatchObject([
      {
        title: `${new URL(server.url).host} asks for more, for create_issue`,
        lines: ['Needed: issues:write', 'Allowed so far: issues:read'],
      },
    ]);
    expect(dialogs[0]?.signal).toBeInstanceOf(AbortSignal);
    expect(who.tabs).toHaveLength(2);
  });

  it('"Never" holds for these scopes and more, not for others, until authorize()', async () => {
    let button = 'Never';
    const { call, dialogs, provider, server } = await asking(() => button);
    expect(await failure(call('create_issue'))).toMatchObject({
      code: 'step_up_denied',
      stage: 'step-up',
      status: 403,
      oauthError: 'insufficient_scope',
    });
    expect(await failure(call('both'))).toMatchObject({ code: 'step_up_denied' });
    expect(dialogs).toHaveLength(1);
    button = 'Allow';
    expect((await call('delete_repo')).status).toBe(200);
    expect((await provider.fetch(server.url, rpc('ping'))).status).toBe(200);
    await provider.authorize();
    expect((await call('create_issue')).status).toBe(200);
  });

  it('"Not now" is asked again after a minute', async () => {
    let button = 'Not now';
    const { call, dialogs, clock } = await asking(() => button);
    expect(await failure(call('create_issue'))).toMatchObject({ code: 'step_up_postponed' });
    button = 'Allow';
    expect(await failure(call('create_issue'))).toMatchObject({ code: 'step_up_postponed' });
    clock.advance(60_000);
    expect((await call('create_issue')).status).toBe(200);
    expect(dialogs).toHaveLength(2);
  });

  it('asking ahead asks no question of ours, and the tool is not refused then', async () => {
    const world = await asking(() => 'Never');
    const name = 'function enableWriting';
    const { enableWriting } = await runBlock<{ enableWriting: (signal: AbortSignal) => Promise<boolean> }>(
      PATH,
      name,
      {},
      { provider: world.provider },
    );
    const { signal } = new AbortController();
    expect(await enableWriting(signal)).toBe(true);
    expect(await enableWriting(signal)).toBe(true);
    expect((await world.call('create_issue')).status).toBe(200);
    expect([world.dialogs.length, world.who.tabs.length]).toEqual([0, 2]);
  });

  it('an exception of onStepUp fails the call and is not remembered', async () => {
    let broken = true;
    const onStepUp = () => {
      if (broken) throw new Error('dialog');
      return true;
    };
    const { call } = await asking(() => 'Allow', { onStepUp });
    expect(await failure(call('create_issue'))).toMatchObject({ code: 'authorization_failed' });
    broken = false;
    expect((await call('create_issue')).status).toBe(200);
  });
});
