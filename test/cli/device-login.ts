import { startAuthorizationServer } from '../../examples/servers/authorization-server.js';
import { sendJson } from '../../examples/servers/loopback-server.js';
import { startMcpServerV1 } from '../../examples/servers/mcp-server-v1.js';
import { closers, until } from '../auth-provider/support.js';
import { cliScene } from './scene.js';
import { ON_A_TERMINAL } from './support.js';

/** A login by device code on a terminal, which waits for the code to be entered. */
export interface DeviceLogin {
  readonly issuer: string;
  /** What it has written so far, without colours. */
  readonly screen: string;
  /** Interrupts it. */
  close(): Promise<void>;
}

/** Begins one at a server that asks for `code`: members of its answer (RFC 8628 section 3.2). */
export async function deviceLogin(code: Readonly<Record<string, string>>): Promise<DeviceLogin> {
  const { closing, closeAll } = closers();
  const { start } = closing(await cliScene());
  const authorizationServer = closing(
    await startAuthorizationServer({
      features: { deviceFlow: { enabled: true } },
      intercept(request, response) {
        if (request.url !== '/device/auth') return false;
        sendJson(response, 200, { device_code: 'd', expires_in: 600, ...code });
        return true;
      },
    }),
  );
  const { url } = closing(await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read'] }));
  const login = start(['login', url, '--device'], { tty: ON_A_TERMINAL, env: { NO_COLOR: '1' } });
  const close = async () => {
    login.interrupt();
    await login.exitCode;
    await closeAll();
  };
  try {
    await until(() => login.stderr.text.includes('Waiting for the code'), 'the code');
  } catch (error) {
    await close();
    throw error;
  }
  return { issuer: authorizationServer.issuer, screen: login.stderr.text, close };
}
