import { isMcpOAuthError } from '../../errors.js';
import { hostKind } from '../../http/address.js';
import { createHttp, isLoopbackHost } from '../../http/index.js';
import { resolveOptions } from '../../options.js';
import type { ExaminationOptions } from './examination.js';
import { NORMS } from './norms.js';
import type { Step } from './report.js';
import { StepLog } from './step-log.js';

/** Judges the server's URL as `createAuthProvider` does; `server` is absent where it takes none of it. */
export function stepServerUrl(options: ExaminationOptions): { step: Step; server: URL | undefined } {
  const log = new StepLog({ id: 'server-url', title: "The server's URL", specification: NORMS.tls });
  const { serverUrl, network, resourceMetadataUrl } = options;
  try {
    const { server } = resolveOptions({
      serverUrl,
      ...(network === undefined ? {} : { network }),
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    });
    judge(log, server);
    // Metadata of the server lies at its own origin: what is refused here is refused at the first request of a sign-in.
    createHttp({ anchor: server, ...(network === undefined ? {} : { network }) }).assertDiscoveredUrl(
      server,
      'discovery',
    );
    return { step: log.finish(), server };
  } catch (error) {
    if (!isMcpOAuthError(error)) throw error;
    const isAddress = error.code === 'address_refused';
    const remedy = isAddress ? undefined : 'Give the https URL of the MCP endpoint, e.g. https://mcp.example.com/mcp.';
    log.refused('server-url', error, isAddress ? NORMS.addresses : NORMS.tls, remedy);
    return { step: log.finish(), server: undefined };
  }
}

function judge(log: StepLog, server: URL): void {
  log.fact('origin', server.origin);
  log.fact('path', server.pathname);
  log.fact('address space', hostKind(server.hostname) ?? 'decided by what the name resolves to');
  const isLoopback = isLoopbackHost(server.hostname);
  if (server.protocol === 'https:') log.add('ok', 'scheme', 'It is an https URL.', NORMS.tls);
  else if (isLoopback) log.add('ok', 'scheme', 'It is plain http on this machine, which is allowed.', NORMS.tls);
  else {
    const message = 'It is plain http to another machine, allowed by --allow-insecure-http.';
    const remedy = 'Serve it by https. In an application the option is `network.allowInsecureHttp`.';
    log.add('warning', 'scheme', message, NORMS.tls, { remedy });
  }
  if (server.search !== '') {
    const message =
      'It has a query, which becomes part of the resource and of the well-known URL. It is not shown here.';
    log.add('note', 'query', message, NORMS.resourceLocation);
  }
  if (server.hash !== '') {
    log.add('note', 'fragment', 'It has a fragment, which is never sent.', NORMS.resourceIndicator);
  }
}
