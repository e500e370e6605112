import type { Clock } from '../clock.js';
import type { StoreSystem } from '../stores/default-store.js';
import type { FetchLike } from '../types.js';

/** Where text goes: the process's own stream, or a test's. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  /** Where it is a terminal. */
  readonly columns?: number | undefined;
  hasColors?(env?: object): boolean;
};

/** Where text comes from. */
export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** Everything that a command has of the world, so that tests can run it in their own process. */
export interface World {
  readonly stdin: Input;
  /** Results. */
  readonly stdout: Output;
  /** Progress, questions and errors. */
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  /** Aborts when the person wants to stop (Ctrl-C). */
  readonly signal: AbortSignal;
  /** Aborts `signal`: a terminal in raw mode reports Ctrl-C as a key. */
  readonly interrupt: () => void;
  readonly clock: Clock;
  /** What the default store is built on. */
  readonly system: StoreSystem;
  /** This package's version. */
  readonly version: string;
  /** Imports an optional package. */
  readonly importModule: (specifier: string) => Promise<unknown>;
  /** Carries every request. Default: the library's own connections, and the global `fetch` for MCP. */
  readonly fetch?: FetchLike;
  /** Opens a URL in a browser. Default: the library's own way. */
  readonly openBrowser?: (url: string) => unknown;
}

/** What a command gets. */
export interface Io extends World {
  /** Says what the process ends with, where that is not 0. */
  readonly exitWith: (code: number) => void;
}
