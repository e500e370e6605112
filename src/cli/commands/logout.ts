import type { Command } from 'commander';
import type { AuthProvider, Session } from '../../auth-provider.js';
import type { SignOutResult } from '../../authorization/sign-out.js';
import { isMcpOAuthError } from '../../errors.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import {
  addExamples,
  addOutputOptions,
  addStoreOptions,
  type OutputFlags,
  type StoreFlags,
  urlArgument,
} from '../options.js';
import { performWithProvider } from '../perform.js';
import { safeJson } from '../printable.js';
import { reportError } from '../report.js';

type Flags = StoreFlags & OutputFlags & { readonly forgetRegistration?: true };

/** `logout URL`: revokes, forgets, and stays signed out. */
export function registerLogout(program: Command, io: Io): void {
  const command = program
    .command('logout')
    .description('Sign out of an MCP server: revoke the tokens there, and forget them here.')
    .addArgument(urlArgument())
    .option('--forget-registration', 'forget the client id too, so that the next sign-in registers anew');
  addOutputOptions(addStoreOptions(command));
  addExamples(
    command,
    [
      'mcp-oauth-client logout https://mcp.example.com/mcp',
      'mcp-oauth-client logout https://mcp.example.com/mcp --account work',
      'mcp-oauth-client logout https://mcp.example.com/mcp --forget-registration',
    ],
    'The session is over here in any case. It ends with 1 or 5 where the server did not revoke the tokens.',
  );
  command.action((url: string, flags: Flags) =>
    performWithProvider(io, url, { flags, explicit: false }, async ({ provider }) => {
      const before = await readable(provider);
      if (before !== undefined && before.issuer === undefined && !before.signedIn) return nothing(io, flags);
      const result = await provider.signOut({ forgetRegistration: flags.forgetRegistration === true });
      const { revoked, registrationDeleted, error } = result;
      if (flags.json === true) {
        io.stdout.write(`${safeJson({ signedOut: true, hadSession: true, revoked, registrationDeleted })}\n`);
      } else {
        io.stdout.write(`${outcomeText(result, flags, before)}\n`);
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

function nothing(io: Io, { json }: Flags): number {
  io.stdout.write(
    json === true
      ? `${safeJson({ signedOut: true, hadSession: false, revoked: false, registrationDeleted: false })}\n`
      : 'There is no session for that server and account, so nothing was done.\n',
  );
  return EXIT.ok;
}

function outcomeText({ revoked, registrationDeleted, error }: SignOutResult, flags: Flags, before?: Session): string {
  const tokens = revoked
    ? 'The server has revoked the tokens.'
    : error !== undefined
      ? 'The server has not confirmed that the tokens are revoked: they may live on until they expire, unless you remove the access in your account there.'
      : before?.issuer === undefined
        ? 'What was stored could not be read, so nothing was revoked at the server.'
        : 'The server offers no revocation: the tokens live on until they expire.';
  const registration = registrationDeleted
    ? ' The client registration was deleted there.'
    : flags.forgetRegistration === true
      ? ' The client registration was forgotten here.'
      : '';
  return `Signed out. ${tokens}${registration}`;
}
