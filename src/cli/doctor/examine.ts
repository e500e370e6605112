import { createHttp } from '../../http/index.js';
import type { RegistrationWay } from './dry-registration.js';
import type { Drawn, Examination, ExaminationOptions } from './examination.js';
import { NORMS } from './norms.js';
import { recordingHttp } from './recorder.js';
import { watchRedirects } from './redirect-watch.js';
import { countVerdicts, exitCodeOf, type Norm, type Report, type Step, worst } from './report.js';
import { scrubber, shownServer } from './scrub.js';
import { stepChallenge } from './step-challenge.js';
import { stepEndpoints } from './step-endpoints.js';
import { StepLog } from './step-log.js';
import { stepRegistration } from './step-registration.js';
import { stepResource } from './step-resource.js';
import { stepServerUrl } from './step-server-url.js';
import { stepServers } from './step-servers.js';
import { type Conclusion, summarize } from './summarize.js';

/** Takes the steps in their order and hands each to `onStep` as soon as it is done. */
export async function examine(options: ExaminationOptions, onStep: (step: Step) => void = () => {}): Promise<Report> {
  const scrub = scrubber(options.serverUrl);
  const steps: Step[] = [];
  const push = (step: Step) => {
    const clean = scrub(step);
    steps.push(clean);
    onStep(clean);
  };
  const conclusion = await walk(options, push);
  const findings = steps.flatMap((step) => step.findings);
  return {
    format: 1,
    server: shownServer(options.serverUrl),
    verdict: worst(findings.map(({ verdict }) => verdict)),
    exitCode: exitCodeOf(findings),
    counts: countVerdicts(findings),
    steps,
    summary: scrub(summarize({ ...conclusion, findings })),
  };
}

type Found = Omit<Conclusion, 'findings'>;

async function walk(options: ExaminationOptions, push: (step: Step) => void): Promise<Found> {
  const { step, server } = stepServerUrl(options);
  push(step);
  if (server === undefined || step.verdict === 'problem') {
    skipFrom(0, push, 'Not asked, since the URL is not used.');
    return { drawn: undefined, discovery: undefined, way: undefined, isOpen: false };
  }
  const { clock, network, fetch, timeoutMs } = options;
  const redirects = watchRedirects();
  const http = createHttp({ anchor: server, clock, network, timeoutMs, fetch: fetch && redirects.watched(fetch) });
  try {
    return await walkServer({ options, server, redirects, recorder: recordingHttp(http, redirects) }, push);
  } finally {
    redirects.close();
    await http.close();
  }
}

async function walkServer(examination: Examination, push: (step: Step) => void): Promise<Found> {
  const { step, drawn } = await stepChallenge(examination);
  push(step);
  const nothing = { drawn, discovery: undefined, way: undefined, isOpen: false };
  if (drawn.unreachable) {
    skipFrom(1, push, 'Not asked: the server could not be reached, and `connect()` ends there too.');
    return nothing;
  }
  const found = await stepResource(examination, drawn);
  push(found.step);
  if (found.failed) {
    skipFrom(2, push, 'Not asked, since a sign-in ends at the resource metadata.');
    return nothing;
  }
  const isOpen = drawn.open && drawn.challenge === undefined;
  if (isOpen && found.resource === undefined) {
    skipFrom(2, push, 'Not asked: the server wants no token and names nobody who gives one.');
    return { ...nothing, isOpen };
  }
  return walkAuthorization(examination, drawn, found.resource, isOpen, push);
}

async function walkAuthorization(
  examination: Examination,
  drawn: Drawn,
  resource: Parameters<typeof stepServers>[2],
  isOpen: boolean,
  push: (step: Step) => void,
): Promise<Found> {
  const { steps, discovery } = await stepServers(examination, drawn, resource);
  for (const step of steps) push(step);
  if (discovery === undefined) {
    skipFrom(steps.length === 0 ? 2 : 3, push, 'Not asked, since no authorization server can be used.');
    return { drawn, discovery, way: undefined, isOpen };
  }
  const { step, way }: { step: Step; way: RegistrationWay } = await stepRegistration(examination, discovery);
  push(step);
  push(await stepEndpoints(examination, discovery));
  return { drawn, discovery, way, isOpen };
}

const REST: readonly (readonly [id: string, title: string, norm: Norm])[] = [
  ['challenge', 'A request without a token', NORMS.challenge],
  ['resource-metadata', 'Resource metadata', NORMS.resourceMetadata],
  ['authorization-server', 'Authorization server', NORMS.serverMetadata],
  ['registration', 'A client id', NORMS.registration],
  ['endpoints', 'Endpoints', NORMS.tokenError],
];

function skipFrom(first: number, push: (step: Step) => void, why: string): void {
  for (const [id, title, specification] of REST.slice(first)) {
    const log = new StepLog({ id, title, specification });
    log.add('skipped', 'not-asked', why);
    push(log.finish());
  }
}
