import type {
  loopbackAddress as toAddress,
  loopbackPath as toPath,
  loopbackPort as toPort,
} from '../loopback/address.js';
import type {
  detectSurroundings as detect,
  openInBrowser as open,
  startLoopbackListener as start,
} from '../loopback/index.js';
import { notInBrowser } from './not-here.js';

/** Stands in for `loopback/index.ts` and `loopback/address.ts`: a page can neither listen nor start a browser. */
export const startLoopbackListener: typeof start = async () => {
  throw notInBrowser(
    'The loopback listener',
    'Give `redirectUrl`, a page of your own, with `openBrowser`, and pass what it is called with to finishAuthorization().',
  );
};

/** Nothing opened: the URL is offered by an event. */
export const openInBrowser: typeof open = async () => false;

/** The person is where this page is, and no browser can be started from it. */
export const detectSurroundings: typeof detect = async () => ({ canShowBrowser: false });

function refuseOption(): never {
  throw notInBrowser('The option `loopback`', 'Leave it out and give `redirectUrl`, a page of your own.');
}

export const loopbackAddress: typeof toAddress = refuseOption;
export const loopbackPort: typeof toPort = refuseOption;
export const loopbackPath: typeof toPath = refuseOption;
