import { Argument, type Command, Option } from 'commander';
import { EXIT_CODES_HELP } from './exit-code.js';
import {
  absoluteUrl,
  addedHost,
  addedIssuerPair,
  addedParameter,
  addedUrl,
  port,
  resourceIndicator,
  secondsUpTo,
  serverUrl,
} from './option-values.js';

/** Which session is meant, and where it is kept. */
export interface StoreFlags {
  readonly account?: string;
  readonly store?: 'keychain' | 'file';
  readonly directory?: string;
}

/** Which hosts are trusted beyond the address rule. */
export interface NetworkFlags {
  readonly allowInsecureHttp?: readonly string[];
  readonly allowPrivateNetwork?: readonly string[];
}

/** How a person signs in. */
export interface SignInFlags extends NetworkFlags {
  readonly clientId?: string;
  readonly clientSecretEnv?: string;
  readonly clientMetadataUrl?: string;
  readonly registration?: 'auto' | 'pre-registered' | 'cimd' | 'dynamic';
  readonly initialAccessTokenEnv?: string;
  readonly callbackHost?: string;
  readonly callbackPort?: number;
  readonly callbackPath?: string;
  readonly device?: true;
  readonly dpop?: true;
  readonly browser?: boolean;
  readonly timeout?: number;
  readonly interactive?: true;
  readonly nonInteractive?: true;
  /** An absolute URL, or `none`. */
  readonly resource?: string;
  readonly resourceMetadataUrl?: string;
  readonly scopeOverride?: string;
  readonly authorizationParameter?: Readonly<Record<string, string>>;
  readonly metadataIssuer?: Readonly<Record<string, string>>;
  readonly assumeS256?: readonly string[];
}

/** How the outcome is shown. */
export interface OutputFlags {
  readonly json?: true;
  readonly quiet?: true;
}

/** How the MCP server is spoken to. */
export interface TransportFlags {
  readonly transport: 'http' | 'sse';
}

/** The MCP endpoint, as the first argument. */
export function urlArgument(flags = '<url>'): Argument {
  return new Argument(flags, 'the MCP endpoint, e.g. https://mcp.example.com/mcp').argParser(serverUrl);
}

const adder = (command: Command, group: string) => (flags: string, description: string, parse?: OptionParser) => {
  const option = new Option(flags, description).helpGroup(group);
  command.addOption(parse === undefined ? option : option.argParser(parse as Parameters<Option['argParser']>[0]));
};
type OptionParser = (value: string, previous: never) => unknown;

const STORE_GROUP = 'Where the session is kept (default: the keychain, else files):';

/** Adds the options that say which session is meant. */
export function addStoreOptions(command: Command): Command {
  return command
    .option('--account <name>', 'keep several accounts at one server apart, by a name of your own')
    .addOption(
      new Option('--store <kind>', 'keychain, or nothing; file: encrypted files, with their key beside them')
        .choices(['keychain', 'file'])
        .helpGroup(STORE_GROUP),
    )
    .addOption(
      new Option('--directory <dir>', 'the directory of those files; implies --store file').helpGroup(STORE_GROUP),
    );
}

const NETWORK_GROUP = 'Hosts that you trust beyond the rule (both can be repeated):';

/** Adds the options that widen the address rule. */
export function addNetworkOptions(command: Command): Command {
  const add = adder(command, NETWORK_GROUP);
  add('--allow-insecure-http <host>', 'plain http to this host: anyone on the way can take the token', addedHost);
  add('--allow-private-network <host>', 'this host may lie in a more private network than the server', addedHost);
  return command;
}

const SIGN_IN_GROUP = 'How to sign in, where that is needed:';
const CLIENT_GROUP = 'The client (default: the server registers one):';
const DEVIATION_GROUP = 'For servers that deviate (docs/servers.md):';
const LONGEST_SIGN_IN_S = 86_400;

/**
 * Adds the options of a sign-in. `explicit`: the command is a request to sign in, and does not guess whether someone is there.
 * `dpop`: whether it can use tokens that are bound to a key.
 */
export function addSignInOptions(
  command: Command,
  { explicit, dpop = true }: { readonly explicit: boolean; readonly dpop?: boolean },
): Command {
  const add = adder(command, SIGN_IN_GROUP);
  add('--device', 'with a short code that is entered on any device, without a browser here');
  add('--no-browser', 'show the URL, and open no browser');
  add('--timeout <seconds>', 'how long the sign-in may take (default: 300)', secondsUpTo(LONGEST_SIGN_IN_S));
  add('--callback-host <host>', 'where the browser comes back: 127.0.0.1 (default), ::1 or localhost');
  add('--callback-port <port>', 'a fixed port for it, or 0 for a free one (default: the one of before)', port);
  add('--callback-path <path>', 'its path (default: /callback)');
  if (dpop) add('--dpop', 'ask for tokens that are bound to a key, where both servers offer that');
  if (!explicit) {
    command.addOption(
      new Option('--interactive', 'sign in even where stdin or stderr is no terminal')
        .conflicts('nonInteractive')
        .helpGroup(SIGN_IN_GROUP),
    );
  }
  add('--non-interactive', 'never ask anyone: fail at once with the command to run');
  addClientOptions(command);
  addDeviationOptions(command);
  return addNetworkOptions(command);
}

function addClientOptions(command: Command): void {
  const add = adder(command, CLIENT_GROUP);
  add('--client-id <id>', 'a client that you registered with the authorization server yourself');
  add('--client-secret-env <var>', 'the environment variable that holds its secret');
  add('--client-metadata-url <url>', 'the https URL of a Client ID Metadata Document');
  command.addOption(
    new Option('--registration <mode>', 'how to get a client id (default: auto)')
      .choices(['auto', 'pre-registered', 'cimd', 'dynamic'])
      .helpGroup(CLIENT_GROUP),
  );
  add('--initial-access-token-env <var>', 'the environment variable that holds the token that its registration wants');
}

function addDeviationOptions(command: Command): void {
  const add = adder(command, DEVIATION_GROUP);
  add('--resource <uri>', 'the resource indicator to send; none omits it', resourceIndicator);
  add('--resource-metadata-url <url>', 'where the resource metadata is', absoluteUrl);
  add('--scope-override <scopes>', 'ask for these scopes, whatever the server names');
  add('--authorization-parameter <name=value>', 'add it to the authorization request (repeatable)', addedParameter);
  add(
    '--metadata-issuer <issuer=other>',
    "allow this issuer's metadata to name the other (repeatable)",
    addedIssuerPair,
  );
  add('--assume-s256 <issuer>', 'this issuer supports PKCE, though it does not say so (repeatable)', addedUrl);
}

/** Adds the options of the output. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'machine-readable: the result as JSON on stdout, an error as JSON on stderr')
    .option('-q, --quiet', 'nothing on stderr but errors, and what a person needs to sign in');
}

/** Adds the choice of the MCP transport. */
export function addTransportOption(command: Command): Command {
  return command.addOption(
    new Option('--transport <kind>', 'Streamable HTTP, or the older HTTP with SSE')
      .choices(['http', 'sse'])
      .default('http'),
  );
}

/** Adds what stands at the end of every command's `--help`. */
export function addExamples(
  command: Command,
  examples: readonly string[],
  note?: string,
  exitCodes = EXIT_CODES_HELP,
): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n');
  return command.addHelpText(
    'after',
    `${note === undefined ? '' : `\n${note}\n`}\nExamples:\n${lines}\n\n${exitCodes}`,
  );
}
