import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { describeTokenStore } from './contract.js';
import { KeytarStandIn } from './keychain-stand-in.js';

for (const [name, options] of [
  ['KeychainTokenStore', {}],
  ['KeychainTokenStore with entries of 2,560 bytes (F33)', { maxEntryBytes: 2_560 }],
  ['KeychainTokenStore with entries of 512 bytes (F33)', { maxEntryBytes: 512 }],
] as const) {
  describeTokenStore(name, async (clock) => {
    const lockDirectory = await mkdtemp(join(tmpdir(), 'keychain-contract-'));
    const keytar = new KeytarStandIn();
    const open = () => new KeychainTokenStore({ keytar, lockDirectory, clock, ...options });
    return { store: open(), reopen: open, dispose: () => rm(lockDirectory, { recursive: true, force: true }) };
  });
}
