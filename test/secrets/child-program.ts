import { writeFileSync } from 'node:fs';
import { format } from 'node:util';
import { createAuthProvider, FileTokenStore } from '../../src/index.js';
import { rpc } from '../auth-provider/support.js';
import { FAULTS } from './faults.js';
import { Marks } from './marks.js';
import { MCP, startServers } from './servers.js';

/** Signs in by the system's browser, keeps the session in files, logs what an application might log, and ends by a rejection that nobody handles. */
const [directory = '', marksFile = ''] = process.argv.slice(2);
const marks = new Marks();
const servers = startServers(marks, () => Date.now());
/** As `console.log` does. */
const log = (...values: unknown[]) => void process.stdout.write(`${format(...values)}\n`);
process.on('exit', () => writeFileSync(marksFile, JSON.stringify(marks.needles)));

const store = new FileTokenStore({ directory, keyStorage: 'file' });
const set = store.set.bind(store);
Object.assign(store, {
  set(...[key, value, options]: Parameters<typeof set>) {
    marks.learnStored(value);
    return set(key, value, options);
  },
});
const provider = createAuthProvider({
  serverUrl: MCP,
  store,
  fetch: servers.fetch,
  dpop: true,
  clientInformation: { client_id: 'app', client_secret: marks.make('client secret') },
  onEvent: (event) => log(event),
});
const { status } = await provider.fetch(MCP, rpc('ping'));
log(status, provider, provider.tokens, JSON.stringify(provider), await provider.session());
servers.expire();
servers.sabotage = (sent) =>
  sent.url.endsWith('/token')
    ? FAULTS['an error in a form, cut in the middle of a secret']?.(sent, undefined as never)
    : undefined;
void provider.fetch(MCP, rpc('ping'));
