/** Runs one measurement in a process of its own and hands its numbers to the parent. Usage: part.ts NAME URL CONTROL_URL [BACKENDS] */
import { measureAddedTime } from './added-time.js';
import { measureAddressCost } from './address-cost.js';
import type { Backends } from './backends.js';
import { measureCancel } from './cancel.js';
import { measureConcurrency } from './concurrency.js';
import { measureHotPath } from './hot-path.js';
import { loadLibrary } from './library.js';
import { measureLoopbackRatio } from './loopback-ratio.js';
import { measureMachineCalls } from './machine.js';
import { countRequests } from './request-counts.js';
import { measureStores } from './store-times.js';

const [name, url = '', controlUrl = '', backends = '{}'] = process.argv.slice(2);
const library = await loadLibrary();
const server = { url, controlUrl };

// The SDKs warn for each failed refresh; what failed is in the table.
console.warn = () => {};

async function measure(): Promise<unknown> {
  switch (name) {
    case 'added-time':
      return measureAddedTime(library);
    case 'address-cost':
      return measureAddressCost(library);
    case 'loopback-ratio':
      return measureLoopbackRatio(library, server);
    case 'requests':
      return countRequests(library, server);
    case 'concurrency':
      return measureConcurrency(library, server);
    case 'cancel':
      return measureCancel(library, server);
    case 'machine':
      return measureMachineCalls(library, server);
    case 'hot-path':
      return measureHotPath(library, JSON.parse(backends) as Backends);
    case 'stores':
      return measureStores(library, JSON.parse(backends) as Backends);
    default:
      throw new Error(`There is no measurement ${name}.`);
  }
}

const result = await measure();
// Not process.exit(): what leaves a handle open must show as a measurement that does not end.
process.send?.(result, () => process.disconnect());
