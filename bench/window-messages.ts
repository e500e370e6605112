import type { ContenderName } from './contenders.js';
import type { StoreLocation } from './store-locations.js';

/** The contenders that can share a session among processes. */
export type SharingContender = Exclude<ContenderName, 'sdkV1'>;

/** Where a session is kept that several processes share: a store of ours, or the JSON file of the SDKs' provider. */
export type SharedSession = StoreLocation | { readonly kind: 'json'; readonly file: string };

/** What a window is told to do; it answers each with a `WindowReply`. */
export type WindowCommand =
  | {
      readonly type: 'open';
      readonly contender: SharingContender;
      readonly url: string;
      readonly session: SharedSession;
      readonly personDelayMs: number;
    }
  | { readonly type: 'call'; readonly calls: number }
  | { readonly type: 'close' };

export interface WindowReply {
  readonly failed: number;
  /** Browser tabs that were opened meanwhile. */
  readonly tabs: number;
  /** Why something failed, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
}
