import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.js';
import { assertBus } from '../../src/stores/keychain-bus.js';
import { ManualClock } from '../support/clock.js';

describe.skipIf(process.platform === 'win32')('the D-Bus session', () => {
  let home: string;
  let path: string;
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'bus with space-'));
    path = join(home, 'bus');
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    server = undefined;
    await rm(home, { recursive: true, force: true });
  });

  async function listen(onData: (socket: Socket) => void): Promise<void> {
    const opened = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => onData(socket));
    });
    server = opened;
    await new Promise<void>((resolve) => void opened.listen(path, resolve));
  }
  const rejects = (socket: Socket) => void socket.write('REJECTED EXTERNAL\r\n');

  it('is there where it answers, by its address or in the runtime directory', async () => {
    await listen(rejects);
    for (const env of [
      { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path},guid=0123` },
      { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path.replaceAll(' ', '%20')}` },
      { XDG_RUNTIME_DIR: home },
    ]) {
      await assertBus(env, systemClock);
    }
  });

  it('is not there without an address, with one of nothing, or where it hangs up', async () => {
    const gone = { code: 'store_failed', message: expect.stringContaining('no D-Bus session') };
    await expect(assertBus({}, systemClock)).rejects.toMatchObject(gone);
    await expect(assertBus({ XDG_RUNTIME_DIR: home }, systemClock)).rejects.toMatchObject(gone);
    await expect(assertBus({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` }, systemClock)).rejects.toMatchObject(gone);
    await listen((socket) => void socket.destroy());
    await expect(assertBus({ XDG_RUNTIME_DIR: home }, systemClock)).rejects.toMatchObject(gone);
  });

  it('F34: is waited for 1 s where it takes the connection and never answers', async () => {
    const clock = new ManualClock();
    let heard = () => {};
    const hearing = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await listen(() => heard());
    const outcome = expect(assertBus({ XDG_RUNTIME_DIR: home }, clock)).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining('does not answer'),
    });
    await hearing;
    clock.advance(1_000);
    await outcome;
    expect(clock.timers).toBe(0);
  });

  it('is left to the library where its address is of another kind', async () => {
    for (const address of ['tcp:host=127.0.0.1,port=1', 'unix:path=/a;unix:path=/b', 'autolaunch:']) {
      await assertBus({ DBUS_SESSION_BUS_ADDRESS: address }, systemClock);
    }
  });
});
