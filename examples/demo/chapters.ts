/** One part of a session's life: a headline, where it is specified, and one sentence on what happens. */
export interface Chapter {
  readonly title: string;
  readonly reference: string;
  readonly sentence: string;
}

export const CHAPTERS = {
  challenge: {
    title: 'Challenge',
    reference: 'RFC 9728 §5.1',
    sentence: 'Nothing is stored yet, so one request without a token asks the MCP server what it wants.',
  },
  discovery: {
    title: 'Discovery',
    reference: 'RFC 9728 §3, RFC 8414 §3',
    sentence: 'The challenge leads to the metadata of the resource, and that to its authorization server.',
  },
  registration: {
    title: 'Registration',
    reference: 'RFC 7591 §3',
    sentence: 'No client id was prepared for this authorization server: the library registers one.',
  },
  signIn: {
    title: 'Sign-in',
    reference: 'OAuth 2.1 §4.1, RFC 7636, 8252, 8707, 9207',
    sentence: 'A person signs in; PKCE, state, iss and resource bind what comes back to this one sign-in.',
  },
  call: {
    title: 'Connected',
    reference: 'RFC 6750 §2.1',
    sentence: 'connect() goes on as if nothing had happened, and every request carries the token.',
  },
  stepUp: {
    title: 'Step-up',
    reference: 'MCP authorization: step-up flow, RFC 6750 §3.1',
    sentence: 'A tool needs more scope: the application agrees, then the person; the same call is sent again.',
  },
  revoked: {
    title: 'A token ends early',
    reference: 'RFC 6750 §3.1, RFC 6749 §6',
    sentence: 'The server takes the access token back, which no clock foretells; 10 calls meet that at once.',
  },
  expiry: {
    title: 'A token expires',
    reference: 'RFC 6749 §6, RFC 9700 §4.14',
    sentence: 'Tokens now live 2 s: one call shortly before the end, then 10 at once after it.',
  },
  secondStart: {
    title: 'Second start',
    reference: 'OAuth 2.1 §7.1',
    sentence: 'A new client and a new provider over the same encrypted files, and nobody may be asked.',
  },
  signOut: {
    title: 'Sign-out',
    reference: 'RFC 7009 §2',
    sentence: 'The session is forgotten here and revoked there; nothing signs in again behind the user’s back.',
  },
} as const satisfies Record<string, Chapter>;

export type ChapterName = keyof typeof CHAPTERS;
