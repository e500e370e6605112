import type { Command } from 'commander';
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
import { perform, performWithProvider } from '../perform.js';
import { safeJson } from '../printable.js';
import { reportError } from '../report.js';
import { sessionText } from '../session-text.js';
import { type Listing, listAll } from '../storage.js';
import { painter } from '../style.js';

type Flags = StoreFlags & OutputFlags;

/** `status [URL]`: what is stored. Nothing is sent. */
export function registerStatus(program: Command, io: Io): void {
  const command = program
    .command('status')
    .description('Show the session at an MCP server, or every stored session. Sends nothing.')
    .addArgument(urlArgument('[url]'));
  addOutputOptions(addStoreOptions(command));
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
        : sessionText(url, facts, io.clock.now(), painter(io, 'stdout'));
    io.stdout.write(`${text}\n`);
    return session.signedIn ? EXIT.ok : EXIT.signInNeeded;
  });
}

function showAll(io: Io, flags: Flags): Promise<void> {
  return perform(io, { flags }, async () => {
    const { sessions: all, problems } = await listAll(io, flags);
    const sessions = flags.account === undefined ? all : all.filter(({ accountKey }) => accountKey === flags.account);
    const listing = { sessions, problems };
    if (flags.json === true) {
      io.stdout.write(`${safeJson(problems.length === 0 ? { sessions } : listing)}\n`);
    } else {
      showListing(io, listing, flags.quiet === true);
    }
    return problems.length === 0 ? EXIT.ok : EXIT.failure;
  });
}

function showListing(io: Io, { sessions, problems }: Listing, quiet: boolean): void {
  const paint = painter(io, 'stdout');
  const texts = sessions.map((session) => sessionText(session.serverUrl, session, io.clock.now(), paint));
  if (texts.length > 0) io.stdout.write(`${texts.join('\n\n')}\n`);
  else if (!quiet) io.stderr.write('No sessions are stored. Sign in: mcp-oauth-client login URL\n');
  for (const problem of problems) reportError(io, problem, false);
}
