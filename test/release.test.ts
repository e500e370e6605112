import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const WORKFLOWS = readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`);

interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(read('package.json')) as Manifest;

describe('a release', () => {
  it('has an entry in CHANGELOG.md for the version of package.json', () => {
    expect(read('CHANGELOG.md')).toContain(`\n## [${manifest.version}] - `);
  });

  describe('is checked against its tag', () => {
    let folder = '';
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** What the check says, of a version 1.2.3 with this entry, where `publisher` runs it. */
    const check = (tag: string, entry: string, repository?: { url: string }, publisher?: string): string => {
      folder = mkdtempSync(join(tmpdir(), 'release-'));
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', repository }));
      writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n${entry}\n`);
      try {
        execFileSync(process.execPath, [join(ROOT, 'scripts/check-release.mjs'), tag], {
          cwd: folder,
          stdio: 'pipe',
          env: { ...process.env, GITHUB_REPOSITORY: publisher },
        });
        return 'good';
      } catch (error) {
        return String((error as { stderr: Buffer }).stderr).trim();
      }
    };

    it.each([
      ['v1.2.3', '## [1.2.3] - 2026-11-21', 'good'],
      ['v1.2.4', '## [1.2.3] - 2026-11-21', 'The tag is v1.2.4, and package.json says 1.2.3.'],
      ['1.2.3', '## [1.2.3] - 2026-11-21', 'The tag is 1.2.3, and package.json says 1.2.3.'],
      ['v1.2.3', '## [1.2.2] - 2026-11-21', 'CHANGELOG.md has no entry "## [1.2.3]".'],
      ['v1.2.3', '## [1.2.3] - Unreleased', 'In CHANGELOG.md, 1.2.3 has no date yet: "## [1.2.3] - Unreleased".'],
    ])('%s with "%s": %s', (tag, entry, said) => {
      expect(check(tag, entry)).toBe(said);
    });

    it.each([
      ['the repository that publishes it', { url: 'git+https://github.com/Acme/oauth.git' }, 'good'],
      [
        'another one',
        { url: 'https://github.com/acme/other.git' },
        'repository.url is "https://github.com/acme/other.git"',
      ],
      ['none', undefined, 'repository.url is ""'],
    ])('and, as the registry compares it with the provenance, against its repository: %s', (_, repository, said) => {
      expect(check('v1.2.3', '## [1.2.3] - 2026-11-21', repository, 'acme/oauth')).toContain(said);
    });
  });

  it('is published with provenance, after the checks, by a job that alone may ask for an identity', () => {
    const text = read('.github/workflows/release.yml');
    const [before = '', publish = ''] = text.split('\n  publish:\n');
    expect(publish).toMatch(/^ {4}needs: everything$/m);
    expect(before).toMatch(/^ {2}everything:$/m);
    // Everything, in the same containers as each change is tested in.
    const jobs = [before, read('.github/workflows/ci.yml')];
    for (const job of jobs) {
      expect(job).toMatch(/^ {4}container: node:\$\{\{ matrix\.node \}\}-bookworm$/m);
      expect(job).toMatch(/^ {8}node: \[20, 22, 24\]$/m);
      expect(job).toMatch(/^ {6}- run: bash \.ci\/run$/m);
    }
    expect(before).not.toContain('continue-on-error');
    const steps = [...publish.matchAll(/^ +- run: (.+)$/gm)].map(([, command]) => command);
    expect(steps).toEqual([
      'node scripts/check-release.mjs "$GITHUB_REF_NAME"',
      'npm ci --ignore-scripts',
      'npm run audit',
      'npm test',
      'npm run check:package',
      'npm run size',
      'npm publish --provenance --access public',
    ]);
    for (const script of ['audit', 'check:package', 'size']) expect(manifest.scripts).toHaveProperty(script);
    expect(text.match(/: write/g)).toEqual([': write']);
    expect(text).toMatch(/^ {4}permissions:\n {6}contents: read\n(?: {6}#.*\n)? {6}id-token: write$/m);
    // By the identity, and not by a token that can be stolen.
    expect(text).not.toMatch(/secrets\./);
  });
});

describe('the workflows', () => {
  it.each(WORKFLOWS)('%s is indented as YAML is', (path) => {
    const lines = read(path).split('\n');
    expect(lines.filter((line) => line.includes('\t') || /^(?: {2})* [^ ]/.test(line))).toEqual([]);
    for (const key of ['name:', 'on:', 'permissions:', 'jobs:']) {
      expect(lines.filter((line) => line.startsWith(key))).toHaveLength(1);
    }
  });

  it.each(WORKFLOWS)('%s has no more rights than it needs, and pins what it runs', (path) => {
    const text = read(path);
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    const actions = [...text.matchAll(/uses: (\S+)( # v\d+\.\d+\.\d+)?$/gm)];
    expect(actions.length).toBe(text.match(/uses:/g)?.length);
    for (const [, action, version] of actions) {
      expect(action).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40}$/);
      expect(version).toBeDefined();
    }
    const checkouts = text.match(/uses: actions\/checkout@/g) ?? [];
    expect(text.match(/persist-credentials: false/g)).toHaveLength(checkouts.length);
    // What somebody outside chose must not become part of a script.
    expect([...text.matchAll(/run: .*\$\{\{/g)]).toEqual([]);
    expect(text).not.toContain('pull_request_target');
    expect(text).toContain('timeout-minutes:');
  });

  it('run everything on every Node that is supported', () => {
    const text = read('.github/workflows/ci.yml');
    expect(text).toContain('node: [20, 22, 24]');
    expect(text).toContain('- run: bash .ci/run\n');
    expect(manifest.engines.node).toMatch(/^>=20\./);
  });
});
