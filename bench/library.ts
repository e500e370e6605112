export type Library = typeof import('mcp-oauth-client');

/** The built package, as it is published; the name would lead to the sources here. */
export const DIST_ENTRY = new URL('../dist/index.js', import.meta.url);

export async function loadLibrary(): Promise<Library> {
  return (await import(DIST_ENTRY.href)) as Library;
}
