// Run in a process of its own by file-key.test.ts: writes to a new store, and is killed at the given call of the keychain.
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { KeytarStandIn } from './keytar-stand-in.js';

const [directory = '', steps] = process.argv.slice(2);
const keytar = new KeytarStandIn();
const { items } = keytar;
let left = Number(steps);
const step = () => {
  left--;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
};
keytar.setPassword = async (service, account, password) => {
  items.set(`${service}\n${account}`, password);
  step();
};
keytar.getPassword = async (service, account) => {
  step();
  return items.get(`${service}\n${account}`) ?? null;
};
keytar.deletePassword = async (service, account) => {
  step();
  return items.delete(`${service}\n${account}`);
};
await new FileTokenStore({ directory, keytar }).set('a', 'v');
