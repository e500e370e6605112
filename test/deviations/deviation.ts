import type { TestServerSettings } from '../../src/testing/index.js';

/** How a server deviates from the specifications. Without any of it: no rotation, no `iss`, no scope where none is asked for. */
export interface Deviation extends Partial<TestServerSettings> {
  /** The path of the issuer below the origin; default none. */
  readonly issuerPath?: string;
}
