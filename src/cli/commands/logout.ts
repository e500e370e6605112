import type { Command } from 'commander';
import type { AuthProvider, Session } from '../../auth-provider.js';
import type { SignOutResult } from '../../authorization/sign-out.js';
import { isMcpOAuthError } from '../../errors.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import {
  addExamples,
  addNetworkOptions,
  addOutputOptions,
  addStoreOptions,
  type NetworkFlags,
  type OutputFlags,
  type StoreFlags,
  urlArgument,
} from '../options.js';
import { performWithProvider } from '../perform.js';
import { safeJson } from '../printable.js';
import { reportError } from '../report.js';

type Flags = StoreFlags & NetworkFlags & OutputFlags & { readonly forgetRegistration?: true };

/** `logout URL`: revokes, forgets, and stays signed out. */
export function registerLogout(program: Command, io: Io): void {
  const command = program
    .command('logout')
    .description('Sign out of an MCP server: revoke the tokens there, and forget them here.')
    .addArgument(urlArgument())
    .option('--forget-registration', 'forget the client id too, so that the next sign-in registers anew');
  addOutputOptions(addStoreOptions(command));
  addNetworkOptions(command);
  addExamples(
    command,
    [
      'mcp-oauth-client logout https://mcp.example.com/mcp',
      'mcp-oauth-client logout https://mcp.example.com/mcp --account work',
      'mcp-oauth-client logout https://mcp.example.com/mcp --forget-registration',
    ],
    'The session is over here even where the server did not revoke the tokens, or cannot be reached; it ends with 1 or 5\nthen too. Where the store itself fails, it ends with 1 and the session may still be there: run it again.',
  );
  command.action((url: string, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: false }, async ({ provider }) => {
      const before = await readable(provider);
      const hadSession = before === undefined || before.issuer !== undefined || before.signedIn;
      const forget = flags.forgetRegistration === true;
      if (!hadSession && !forget) return nothing(io, flags);
      const result = await provider.signOut({ forgetRegistration: forget });
      const { revoked, registrationDeleted, registrationForgotten, error } = result;
      if (flags.json === true) {
        const facts = { signedOut: true, hadSession, revoked, registrationDeleted, registrationForgotten };
        io.stdout.write(`${safeJson(facts)}\n`);
      } else {
        const session = hadSession ? `Signed out. ${tokensText(result, before)}` : NO_SESSION;
        io.stdout.write(`${session}${registrationText(result, forget)}\n`);
      }
      // What is to be done about it is in the text; the usual remedies are for a session that goes on.
      return error === undefined ? EXIT.ok : reportError(io, error, flags.json === true);
    }),
  );
}

/** The session, or `undefined` where it is damaged: that is what a sign-out clears away. */
async function readable(provider: AuthProvider): Promise<Session | undefined> {
  try {
    return await provider.session();
  } catch (error) {
    if (isMcpOAuthError(error) && error.code === 'store_unreadable') return undefined;
    throw error;
  }
}

const NO_SESSION = 'There is no session for that server and account.';

function nothing(io: Io, { json }: Flags): number {
  const facts = {
    signedOut: true,
    hadSession: false,
    revoked: false,
    registrationDeleted: false,
    registrationForgotten: false,
  };
  io.stdout.write(json === true ? `${safeJson(facts)}\n` : `${NO_SESSION} Nothing was done.\n`);
  return EXIT.ok;
}

function tokensText({ revoked, error }: SignOutResult, before: Session | undefined): string {
  if (revoked) return 'The server has revoked the tokens.';
  if (error !== undefined) {
    return 'The server has not confirmed that the tokens are revoked: they may live on until they expire, unless you remove the access in your account there.';
  }
  return before?.issuer === undefined
    ? 'What was stored could not be read, so nothing was revoked at the server.'
    : 'The server offers no revocation: the tokens live on until they expire.';
}

function registrationText(
  { registrationDeleted, registrationForgotten, error }: SignOutResult,
  forget: boolean,
): string {
  if (registrationDeleted) return ' The client registration was deleted there.';
  if (registrationForgotten) return ' The client registration was forgotten here.';
  if (!forget) return '';
  return error === undefined
    ? ' No client registration is stored for that server.'
    : ' No client registration was forgotten: the next line says why.';
}
