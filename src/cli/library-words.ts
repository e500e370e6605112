/**
 * The library's messages name its options, since most who read them write a program. Whoever runs the command has flags instead: what
 * stands on the left becomes what stands on the right, from the first line to the last.
 */
const FLAGS: readonly (readonly [words: RegExp, flag: string])[] = [
  [/`?(?:network\.)?allowInsecureHttp`?/g, '--allow-insecure-http'],
  [/`?(?:network\.)?allowPrivateNetwork`?/g, '--allow-private-network'],
  [/`?timeouts\.signIn`?/g, '--timeout'],

  [/`issuerExceptions: \{[^`]*assumeS256[^`]*`|`issuerExceptions` with `assumeS256: true`/g, '--assume-s256 ISSUER'],
  [
    /`issuerExceptions: \{[^`]*metadataIssuer[^`]*`|`issuerExceptions` with `metadataIssuer`/g,
    '--metadata-issuer ISSUER=OTHER',
  ],
  [/`issuerExceptions` \(`assumeS256: true`\), filed under this issuer/g, '--assume-s256 ISSUER'],
  [
    /this one name with the option `issuerExceptions` \(`metadataIssuer`\), filed under the issuer that was asked for/g,
    'this one name with the option --metadata-issuer ISSUER=OTHER, where ISSUER is the one that was asked for',
  ],
  [/`?issuerExceptions`?/g, '--metadata-issuer or --assume-s256'],

  [/`?clientInformation`? \(id, secret, authentication method\)/g, '--client-id and --client-secret-env'],
  [/The client in `?clientInformation`?/g, 'The client of --client-id'],
  [/then set a client registered there and its `issuer`/g, 'then set a client registered there'],
  [/Correct `clientMetadata` \(some servers want a `client_name`\), or set/g, 'Set'],
  [/leave out or correct `clientMetadata\.scope`, or set/g, 'set'],
  [/`?\bclientInformation\b`?/g, '--client-id'],
  [/`?\bclientMetadataUrl\b`?/g, '--client-metadata-url'],
  [/(?:The `)?\binitialAccessToken\b`?(?= (?:names|was))/g, 'The token of --initial-access-token-env'],
  [/`?\binitialAccessToken\b`?/g, '--initial-access-token-env'],
  [/`?registration: '([\w-]+)'`? allows one way only; `'auto'`/g, '--registration $1 allows one way only; auto'],
  [/`?registration: '([\w-]+)'`?/g, '--registration $1'],

  [/`?loopback: \{ host: ["']localhost["'] \}`?/g, '--callback-host localhost'],
  [/`?loopback\.port`?/g, '--callback-port'],
  [/\(loopback, redirectUrl\)/g, '(--callback-host, --callback-port, --callback-path)'],
  [/`loopback` or `redirectUrl`/g, '--callback-host, --callback-port or --callback-path'],
  [/, another `redirectUrl` or another `clientMetadata\.application_type`/g, ' or another --callback-path'],
  [
    /(another|a) loopback host or port, or use a redirectUrl that does not need a listener/g,
    'another --callback-host or --callback-port, or sign in with --device',
  ],
  [/The loopback (host|port|path)/g, '--callback-$1'],
  [/(another|a) loopback (host|port)/g, '$1 --callback-$2'],

  [/`?resource: false`?/g, '--resource none'],
  [/\bto `false` to omit it/g, 'to none to omit it'],
  [/`scope` or `resource`/g, '--scope-override or --resource'],
  [/\b(set|for) `resource`/gi, '$1 --resource'],
  [/`?resourceMetadataUrl`?/g, '--resource-metadata-url'],
  [/; `scope: \{ override[^}]*\}` where the MCP server names others/g, ''],
  [/`?scope: \{ override[^}]*\}`?/g, '--scope-override'],
  [/\b(set) `scope`/gi, '$1 --scope-override'],
  [/authorize\(\{ authorizationParameters: \{ prompt: 'select_account' \} \}\)/g, 'login --prompt select_account'],
  [/`?authorizationParameters`?/g, '--authorization-parameter'],

  [/`dpop: (?:true|'auto')`/g, '--dpop'],
  [/Set the option `dpop` to true to try all the same, or ask/g, 'Ask'],
  [/`dpop` to true or 'auto'/g, '--dpop'],
  [/the `dpop` option/g, '--dpop'],
  [/\bcall signOut\(\)/g, 'run logout'],

  // Where a program has its provider.
  [/ \(with withOAuth: getAuthProvider\(transport\)\?\.authorize\(\)\)/g, ''],
  [/authorize\(\) of the provider/g, 'authorize()'],
  [/authorize\(\{ scope \}\)/g, 'login --scope'],
  [/\bCall (?=authorize\(\)|login)/g, 'Run '],
  [/\bcall (?=authorize\(\)|login)/g, 'run '],
  [/\bset `grant` to authorizationCode\(\)/g, 'leave --device out'],
  [/\bSet `grant` to authorizationCode\(\)/g, 'Leave --device out'],
  [/authorize\(\) is called/g, 'login is run'],
  [/authorize\(\)/g, 'login'],
  [
    /Leave `grant` out or set it to authorizationCode\(\): (.*), and finishAuthorization\(\) takes the URL that it ends at/g,
    'Leave --device out: $1, and the URL that it ends at can be pasted here',
  ],

  [/configure the final URL as serverUrl/g, 'use the final URL'],
  [/^`?serverUrl`?/g, 'The URL'],
  [/`?serverUrl`?/g, 'the URL'],
  [/give another `store`/g, 'choose files by --store file'],
];

/** A message of the library as whoever runs the command can follow it. */
export function inFlags(message: string): string {
  return FLAGS.reduce((text, [words, flag]) => text.replace(words, flag), message);
}

/** The same, with the flags behind it: for a report that speaks to both. */
export function withFlags(advice: string): string {
  const flags = inFlags(advice).match(FLAG) ?? [];
  const unsaid = [...new Set(flags)].filter((flag) => !advice.includes(flag));
  return unsaid.length === 0 ? advice : `${advice} (As flags of login: ${unsaid.join(', ')}.)`;
}

const FLAG = /--[a-z][a-z0-9-]*(?: (?:none|dynamic|localhost|[A-Z][A-Z=]+\b))?/g;
