import type { Command } from 'commander';
import type { SessionStore } from '../../auth-provider.js';
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
import { perform, performWithProvider } from '../perform.js';
import { printable, safeJson } from '../printable.js';
import { reportError } from '../report.js';
import { type SessionTextOptions, sessionText } from '../session-text.js';
import { type Listing, listAll, placeText } from '../storage.js';
import { painter } from '../style.js';

type Flags = StoreFlags & NetworkFlags & OutputFlags;

/** `status [URL]`: what is stored. Nothing is sent. */
export function registerStatus(program: Command, io: Io): void {
  const command = program
    .command('status')
    .description('Show the session at an MCP server, or every stored session. Sends nothing.')
    .addArgument(urlArgument('[url]'));
  addOutputOptions(addStoreOptions(command));
  addNetworkOptions(command);
  addExamples(
    command,
    [
      'mcp-oauth-client status',
      'mcp-oauth-client status https://mcp.example.com/mcp',
      'mcp-oauth-client status --json',
    ],
    'With a URL it ends with 3 where nobody is signed in there.',
  );
  command.action((url: string | undefined, flags: Flags) =>
    url === undefined ? showAll(io, flags) : showOne(io, url, flags),
  );
}

function showOne(io: Io, url: string, flags: Flags): Promise<void> {
  return performWithProvider(io, url, { flags, explicit: false }, async ({ provider, describe }) => {
    const session = describe(await provider.session());
    const facts = flags.account === undefined ? session : { accountKey: flags.account, ...session };
    const text =
      flags.json === true
        ? safeJson({ serverUrl: url, ...facts })
        : sessionText(url, facts, textOptions(io, flags, session.store));
    io.stdout.write(`${text}\n`);
    return session.signedIn ? EXIT.ok : EXIT.signInNeeded;
  });
}

function showAll(io: Io, flags: Flags): Promise<void> {
  return perform(io, { flags }, async () => {
    const { sessions: all, problems, places } = await listAll(io, flags);
    const sessions = flags.account === undefined ? all : all.filter(({ accountKey }) => accountKey === flags.account);
    const listing = { sessions, problems, places };
    const others = new Set(all.map(({ accountKey }) => accountKey));
    if (flags.json === true) {
      io.stdout.write(`${safeJson(problems.length === 0 ? { sessions } : { sessions, problems })}\n`);
    } else {
      showListing(io, flags, listing, others);
    }
    return problems.length === 0 ? EXIT.ok : EXIT.failure;
  });
}

function textOptions(io: Io, flags: Flags, store: SessionStore): SessionTextOptions {
  return { keptIn: placeText(io, flags, store), now: io.clock.now(), paint: painter(io, 'stdout') };
}

function showListing(
  io: Io,
  flags: Flags,
  { sessions, problems, places }: Listing,
  accounts: ReadonlySet<string | undefined>,
): void {
  const texts = sessions.map((session) =>
    sessionText(session.serverUrl, session, textOptions(io, flags, session.store)),
  );
  if (texts.length > 0) io.stdout.write(`${texts.join('\n\n')}\n`);
  else if (flags.quiet !== true) io.stderr.write(`${nothingText(io, flags, places, accounts)}\n`);
  for (const problem of problems) reportError(io, problem, false);
}

/** What there is where nothing is to be listed. */
function nothingText(
  io: Io,
  flags: Flags,
  places: readonly SessionStore[],
  accounts: ReadonlySet<string | undefined>,
): string {
  const { account } = flags;
  if (account === undefined || accounts.size === 0) {
    const where = printable(places.map((place) => placeText(io, flags, place)).join(', nor in '));
    return `No sessions of this command are stored in ${where}. Sign in: mcp-oauth-client login URL\nAn application keeps its own, under its client_name: for its encrypted files, name their directory by --directory DIR.`;
  }
  const names = [...accounts].map((name) => (name === undefined ? 'the one without a name' : printable(name, 100)));
  return `No session is stored for the account ${printable(account, 100)}. There are others: ${names.join(', ')}.`;
}
