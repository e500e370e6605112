import type { Plugin } from 'esbuild';

export declare const STAND_INS: ReadonlyMap<string, string>;
export declare const browserParts: Plugin;
