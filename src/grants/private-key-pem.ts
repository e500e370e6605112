import { invalidKey } from './signing-algorithm.js';

/** A private key out of a PEM text. */
export interface Pkcs8 {
  readonly der: Uint8Array<ArrayBuffer>;
  /** As `algorithmFor` takes it. */
  readonly kind: string;
}

const LONGEST_PEM = 64 * 1024;
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----((?:(?!-----)[\s\S])*)-----END \1-----/g;

/** What is not PKCS #8, with the command that makes it that. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  'RSA PRIVATE KEY': 'is PKCS #1, not PKCS #8. Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem',
  'EC PRIVATE KEY': 'is SEC1, not PKCS #8. Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem',
  'ENCRYPTED PRIVATE KEY':
    'is encrypted with a passphrase. Decrypt it: openssl pkey -in key.pem -out pkcs8.pem, or give a function that does',
  'OPENSSH PRIVATE KEY': 'is in the format of OpenSSH. Convert it: ssh-keygen -p -m PKCS8 -f key',
};

/** Object identifiers at the start of a PKCS #8 key, in hex, with the kind of key that each stands for. */
const KINDS: readonly (readonly [string, string])[] = [
  ['06092a864886f70d010101', 'RSA'],
  ['06092a864886f70d01010a', 'RSASSA-PSS'],
  ['06082a8648ce3d030107', 'EC P-256'],
  ['06052b81040022', 'EC P-384'],
  ['06052b81040023', 'EC P-521'],
  ['06052b8104000a', 'EC secp256k1'],
  ['06032b6570', 'Ed25519'],
  ['06032b6571', 'Ed448'],
];
/** Version, lengths and the algorithm identifier are shorter. */
const HEAD_BYTES = 40;

/**
 * Reads a PKCS #8 private key. Line breaks written as `\n`, as environment variables have them, count as such; a
 * certificate beside the key is left out.
 *
 * @throws {@link McpOAuthError} `invalid_options` for everything else, with what to do about it.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7468.html#section-10 | RFC 7468 section 10}
 */
export function readPkcs8(pem: string): Pkcs8 {
  if (pem.length > LONGEST_PEM) throw invalidKey('is longer than 64 KiB');
  const blocks = [...pem.replaceAll('\\n', '\n').matchAll(BLOCK)];
  const block = blocks.find(([, label]) => label?.endsWith('PRIVATE KEY'));
  const [, label = '', body = ''] = block ?? [];
  if (block === undefined) throw invalidKey(withoutBlock(pem, blocks.length > 0));
  // The older encryption says so inside the block.
  const encrypted = body.includes('ENCRYPTED');
  const conversion = CONVERSIONS[encrypted ? 'ENCRYPTED PRIVATE KEY' : label];
  if (conversion !== undefined) throw invalidKey(conversion);
  const der = decode(body);
  if (label !== 'PRIVATE KEY' || der === undefined) throw invalidKey('is no PKCS #8 key in PEM');
  return { der, kind: kindOf(der) };
}

function withoutBlock(pem: string, hasOther: boolean): string {
  if (hasOther) return 'holds a certificate or a public key only: give the private key';
  if (pem.includes('-----BEGIN')) return 'is an incomplete PEM text. Check that it was copied with all its lines';
  return pem.trim().startsWith('{')
    ? 'is JSON as a text: give the JWK as an object, with JSON.parse()'
    : 'is no PEM text. Give the text that begins with -----BEGIN PRIVATE KEY-----, not the name of its file';
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64.replace(/\s/g, '')), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function kindOf(der: Uint8Array): string {
  const head = Array.from(der.subarray(0, HEAD_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return KINDS.find(([identifier]) => head.includes(identifier))?.[1] ?? 'unknown';
}
