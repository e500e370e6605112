import type { Challenge } from '../../challenge.js';
import type { Clock } from '../../clock.js';
import type { NetworkOptions } from '../../http/index.js';
import type { FetchLike } from '../../types.js';
import type { Recorder } from './recorder.js';
import type { RedirectWatch } from './redirect-watch.js';

/** What is to be examined, and how. */
export interface ExaminationOptions {
  readonly serverUrl: string;
  readonly clientId?: string | undefined;
  readonly clientMetadataUrl?: string | undefined;
  readonly resourceMetadataUrl?: string | undefined;
  readonly network?: NetworkOptions | undefined;
  /** One request, in ms, its body included. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly fetch?: FetchLike | undefined;
}

/** What the steps of one examination share. */
export interface Examination {
  readonly options: ExaminationOptions;
  readonly server: URL;
  readonly recorder: Recorder;
  readonly redirects: RedirectWatch;
}

/** What the server said to a request without a token. */
export interface Drawn {
  /** No request reached it, so `connect()` ends here. */
  readonly unreachable: boolean;
  /** It answered a request without a token as if none were needed. */
  readonly open: boolean;
  readonly challenge: Challenge | undefined;
}
