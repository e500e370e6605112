import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packedProject, run } from './packed-project.js';

/** What `import 'mcp-oauth-client'` may read. Milliseconds belong to a machine; these belong to the package. */
const MOST_FILES = 5;
const MOST_BYTES = 730_000;

/** Notes each ES module, and each CommonJS module that one imports. */
const HOOKS = `
import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  appendFileSync('loaded.txt', url + '\\n');
  return next(url, context);
}
`;
const REGISTER = `
import { register } from 'node:module';
register('./hooks.js', import.meta.url);
`;
/** Gives the files that an import reads, those included that CommonJS modules require. */
const program = (imports: string) => `
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
writeFileSync('loaded.txt', '');
${imports}
const required = Object.keys(createRequire(import.meta.url).cache).map((path) => pathToFileURL(path).href);
const imported = readFileSync('loaded.txt', 'utf8').split('\\n').filter((url) => url.startsWith('file:'));
process.stdout.write(JSON.stringify([...new Set([...imported, ...required])]));
`;

describe('an import of the packed package', () => {
  let packed: PackedProject;
  beforeAll(async () => {
    packed = await packedProject();
    await packed.write('hooks.js', HOOKS);
    await packed.write('register.js', REGISTER);
  });
  afterAll(() => packed.close());

  async function filesOf(imports: string): Promise<string[]> {
    await packed.write('imports.js', program(imports));
    const { stdout } = await run(process.execPath, ['--import', './register.js', 'imports.js'], {
      cwd: packed.directory,
    });
    return (JSON.parse(stdout) as string[]).map((url) => fileURLToPath(url));
  }
  /** The packages that they are of. */
  const packagesOf = (files: readonly string[]) => {
    const names = files.map(
      (file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(relative(packed.directory, file))?.[1],
    );
    return [...new Set(names)].sort();
  };

  it('reads this package and oauth4webapi, in few files and bytes, and nothing that only a use needs', async () => {
    const files = await filesOf("await import('mcp-oauth-client');");
    expect(packagesOf(files)).toEqual(['mcp-oauth-client', 'oauth4webapi']);
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    expect(files.length).toBeLessThanOrEqual(MOST_FILES);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MOST_BYTES);
  });

  it('would be seen to read another package', async () => {
    const files = await filesOf("await import('mcp-oauth-client'); await import('undici'); await import('open');");
    expect(packagesOf(files)).toEqual(expect.arrayContaining(['mcp-oauth-client', 'open', 'undici']));
    expect(files.length).toBeGreaterThan(50);
  });
});
