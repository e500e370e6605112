import type { Command } from 'commander';
import type { Session } from '../../auth-provider.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import {
  addExamples,
  addOutputOptions,
  addSignInOptions,
  addStoreOptions,
  type OutputFlags,
  type SignInFlags,
  type StoreFlags,
  urlArgument,
} from '../options.js';
import { performWithProvider } from '../perform.js';
import { safeJson } from '../printable.js';
import { accountText, sessionText } from '../session-text.js';
import { placeText } from '../storage.js';
import { painter } from '../style.js';

type Flags = StoreFlags &
  SignInFlags &
  OutputFlags & { readonly scope?: string; readonly prompt?: string; readonly loginHint?: string };

/** `login URL`: signs in, where that is needed. */
export function registerLogin(program: Command, io: Io): void {
  const command = program
    .command('login')
    .description(
      'Sign in to an MCP server, in the browser or with a short code. Does nothing where the session is valid.',
    )
    .addArgument(urlArgument())
    .option('--scope <scopes>', 'scopes that the session must have, separated by spaces')
    .option(
      '--prompt <value>',
      'what the authorization server shall ask, e.g. select_account; asks even where signed in',
    )
    .option('--login-hint <name>', 'the account to offer there; asks even where signed in');
  addOutputOptions(addStoreOptions(command));
  addSignInOptions(command, { explicit: true });
  addExamples(
    command,
    [
      'mcp-oauth-client login https://mcp.example.com/mcp',
      'mcp-oauth-client login https://mcp.example.com/mcp --scope "repo:read repo:write"',
      'mcp-oauth-client login https://mcp.example.com/mcp --account work --prompt select_account',
      'mcp-oauth-client login https://mcp.example.com/mcp --device',
    ],
    'While it waits for the browser you can paste the URL that the browser ended at,\nfor a browser that runs on another machine.',
  );
  command.action((url: string, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: true }, async (opened) => {
      const parameters = authorizationParameters(flags);
      const session = await opened.provider.authorize({
        signal: io.signal,
        ...(flags.scope === undefined ? {} : { scope: flags.scope }),
        ...(parameters === undefined ? {} : { authorizationParameters: parameters }),
      });
      opened.screen.end();
      io.stdout.write(`${outcome(io, url, flags, opened.describe(session), opened.signedInNow())}\n`);
      return EXIT.ok;
    }),
  );
}

function outcome(io: Io, url: string, flags: Flags, session: Session, signedInNow: boolean): string {
  const facts = flags.account === undefined ? session : { accountKey: flags.account, ...session };
  if (flags.json === true) return safeJson({ serverUrl: url, signedInNow, ...facts });
  const who = accountText(session);
  const head = `${signedInNow ? 'Signed in' : 'Signed in already'}${who === undefined ? '' : ` as ${who}`}.`;
  return `${head}\n${sessionText(url, facts, {
    keptIn: placeText(io, flags, session.store),
    now: io.clock.now(),
    paint: painter(io, 'stdout'),
  })}`;
}

function authorizationParameters({ prompt, loginHint }: Flags): Record<string, string> | undefined {
  if (prompt === undefined && loginHint === undefined) return undefined;
  return {
    ...(prompt === undefined ? {} : { prompt }),
    ...(loginHint === undefined ? {} : { login_hint: loginHint }),
  };
}
