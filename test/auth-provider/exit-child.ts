import { createAuthProvider, isMcpOAuthError, MemoryTokenStore } from '../../src/index.js';

/** Signs in, makes a call, and closes a second provider in the middle of its sign-in. Nothing may keep the process. */
const serverUrl = process.argv[2] as string;
const init = { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) };

const provider = createAuthProvider({
  serverUrl,
  store: new MemoryTokenStore(),
  openBrowser: async (url) => void (await (await fetch(url)).text()),
});
const response = await provider.fetch(serverUrl, init);
await response.text();
await provider.close();

const second = createAuthProvider({
  serverUrl,
  store: new MemoryTokenStore(),
  openBrowser: () => second.close(),
});
const code = await second.fetch(serverUrl, init).then(
  () => 'answered',
  (error: unknown) => (isMcpOAuthError(error) ? error.code : 'other'),
);
process.stdout.write(`${response.status} ${code}\n`);
