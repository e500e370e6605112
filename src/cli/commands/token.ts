import type { Command } from 'commander';
import type { AuthProvider } from '../../auth-provider.js';
import { isMcpOAuthError, McpOAuthError } from '../../errors.js';
import { isVisibleAscii } from '../../http/text.js';
import { CommandError } from '../command-error.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import {
  addExamples,
  addSignInOptions,
  addStoreOptions,
  type SignInFlags,
  type StoreFlags,
  urlArgument,
} from '../options.js';
import { performWithProvider } from '../perform.js';
import { painter } from '../style.js';

type Flags = StoreFlags & SignInFlags & { readonly quiet?: true };

/** A token with less time than this is refreshed before it is handed out, in ms: whoever gets it cannot refresh it. */
const LEAST_LEFT_MS = 60_000;

/** `token URL`: the access token on stdout, and nothing else. */
export function registerToken(program: Command, io: Io): void {
  const command = program
    .command('token')
    .description(
      'Print the access token, for curl and the like. It is refreshed first where less than a minute is left.',
    )
    .addArgument(urlArgument())
    .option('-q, --quiet', 'nothing on stderr but errors, and what a person needs to sign in');
  addStoreOptions(command);
  addSignInOptions(command, { explicit: false, dpop: false });
  addExamples(
    command,
    [
      'curl -H "Authorization: Bearer $(mcp-oauth-client token https://mcp.example.com/mcp)" https://mcp.example.com/mcp',
      'mcp-oauth-client token https://mcp.example.com/mcp --non-interactive',
    ],
    'Where nobody is signed in, it signs in if stdin and stderr are terminals, and else fails at once\nwith the command to run. The token is a secret: whoever has it can act as you until it expires.',
  );
  command.action((url: string, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: false }, async ({ provider, interactive, screen }) => {
      const token = (await validToken(provider, io)) ?? (await signIn(provider, interactive, io));
      screen.end();
      // Checked here too: it goes into a command line's header.
      if (token === undefined || !isVisibleAscii(token)) {
        throw new CommandError(
          'invalid_token',
          'The stored access token cannot stand in a header, so it is not printed.',
        );
      }
      if (io.stdout.isTTY === true) {
        const paint = painter(io, 'stderr');
        io.stderr.write(
          `${paint('yellow', 'warning:')} this is a secret. It is on your screen and in its history now; better pass it on as $(mcp-oauth-client token ...).\n`,
        );
      }
      io.stdout.write(`${token}\n`);
      return EXIT.ok;
    }),
  );
}

/** The token of the session, with enough time left where that can be had. */
async function validToken(provider: AuthProvider, io: Io): Promise<string | undefined> {
  const { dpop } = await provider.session();
  if (dpop === true) throw boundToken();
  const token = await provider.token();
  if (token === undefined) return undefined;
  const { expiresAt, refreshable } = await provider.session();
  if (!refreshable || expiresAt === undefined || expiresAt - io.clock.now() >= LEAST_LEFT_MS) return token;
  try {
    return (await provider.tokens.refresh(token, { signal: io.signal })) ?? token;
  } catch (error) {
    // It is valid still, and the server may be back before it is not.
    if (isMcpOAuthError(error) && error.retryable) return token;
    throw error;
  }
}

function boundToken(): CommandError {
  return new CommandError(
    'bound_token',
    'The token of this session is bound to a key (DPoP) that stays here: curl has no key to prove it with, so the server would refuse it.',
    {
      remedy:
        'Use the server by the commands tools and call. For a token that curl can use, where the server takes one: run logout, then login without --dpop.',
      exitCode: EXIT.usage,
    },
  );
}

async function signIn(provider: AuthProvider, interactive: boolean, io: Io): Promise<string | undefined> {
  // Without asking the server: in a pipe the answer is to come at once.
  if (!interactive) {
    throw new McpOAuthError('interaction_required', 'Nobody is signed in.', {
      stage: 'authorization',
    });
  }
  await provider.authorize({ signal: io.signal });
  return provider.token();
}
