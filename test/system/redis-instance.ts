// Run in a process of its own by redis-hosted.system.test.ts: an instance of a hosted application that is given the callback of a sign-in.
import { createClient } from 'redis';
import { createAuthProvider, isMcpOAuthError } from '../../src/index.js';
import { RedisTokenStore } from '../../src/stores/redis-token-store.js';

const [redisUrl = '', serverUrl = '', account = '', redirectUrl = '', encryptionKey = '', callback = ''] =
  process.argv.slice(2);
const client = createClient({ url: redisUrl });
client.on('error', () => {});
await client.connect();
const provider = createAuthProvider({
  serverUrl,
  account,
  redirectUrl,
  store: new RedisTokenStore({ client, encryptionKey }),
});
const outcome = await provider.finishAuthorization(callback).catch((error: unknown) => ({
  refused: isMcpOAuthError(error) ? error.code : 'another error',
}));
process.stdout.write(JSON.stringify(outcome));
await provider.close();
client.destroy();
