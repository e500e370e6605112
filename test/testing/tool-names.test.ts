import { afterEach, expect, it } from 'vitest';
import { rpc } from '../auth-provider/support.js';
import { apps } from './support.js';

const { app, closeAll } = apps();
afterEach(closeAll);

it.each([
  'constructor',
  '__proto__',
  'toString',
  'nothing',
])('a tool "%s" that is not there is answered so', async (name) => {
  const { provider, server } = app({ toolScopes: { create_issue: ['mcp:write'] } });
  await provider.authorize();
  const response = await provider.fetch(server.url, rpc('tools/call', { name }));
  expect(await response.json()).toMatchObject({ error: { message: 'Unknown tool' } });
});
