import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { createAuthProvider, MemoryTokenStore } from 'mcp-oauth-client';
import { playPerson } from '../servers/person.js';
import { startRotatingServer } from '../servers/rotating-server.js';
import { traceOAuth } from './spans.js';

/** Signs in to a server in this process and calls a tool that needs more scope, and prints what was traced. */
const exporter = new InMemorySpanExporter();
const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const stop = traceOAuth(tracing.getTracer('example'));
const server = await startRotatingServer();
const provider = createAuthProvider({
  serverUrl: server.url,
  store: new MemoryTokenStore(),
  openBrowser: (url) => void playPerson(url),
});

const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'create_issue', arguments: {} } };
await provider.fetch(server.url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(call),
});

await provider.close();
await server.close();
stop();
print(exporter.getFinishedSpans());

function print(spans: readonly ReadableSpan[], parent?: string, indent = ''): void {
  for (const span of spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)) {
    const detail = span.attributes['mcp_oauth.purpose'] ?? span.attributes['mcp_oauth.reason'] ?? '';
    console.log(`${indent}${span.name} ${detail}`.trimEnd());
    print(spans, span.spanContext().spanId, `${indent}  `);
  }
}
