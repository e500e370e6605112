/**
 * What has to agree before a version is published: the tag, package.json and a dated entry in CHANGELOG.md. In a workflow, the
 * repository too: the registry compares it with the provenance, and refuses the package after everything else is done.
 */
import { readFileSync } from 'node:fs';

const [tag = ''] = process.argv.slice(2);
const { version, repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const entry = readFileSync('CHANGELOG.md', 'utf8')
  .split('\n')
  .find((line) => line.startsWith(`## [${version}]`));

const problems = [];
if (tag !== `v${version}`) problems.push(`The tag is ${tag}, and package.json says ${version}.`);
if (entry === undefined) problems.push(`CHANGELOG.md has no entry "## [${version}]".`);
else if (!/ - \d{4}-\d{2}-\d{2}$/.test(entry))
  problems.push(`In CHANGELOG.md, ${version} has no date yet: "${entry}".`);
const { GITHUB_REPOSITORY: publisher } = process.env;
const url = repository?.url ?? '';
if (publisher !== undefined && !url.toLowerCase().endsWith(`github.com/${publisher.toLowerCase()}.git`))
  problems.push(`In package.json, repository.url is "${url}" and does not end in "github.com/${publisher}.git".`);

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
