import type { Stage } from '../errors.js';

/** What a request is for. It decides about redirects, about how an answer is read, and about the stage of an error. */
export type Purpose = 'metadata' | 'device authorization' | 'token' | 'registration' | 'revocation';

/** The stage that an error of a request belongs to. */
export const STAGE_OF: Readonly<Record<Purpose, Stage>> = {
  metadata: 'discovery',
  'device authorization': 'authorization',
  token: 'token',
  registration: 'registration',
  revocation: 'token',
};
