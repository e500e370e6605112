export type {
  LoopbackCallback,
  LoopbackListener,
  LoopbackListenerOptions,
  LoopbackOutcome,
  WaitOptions,
} from './contract.js';
export { startLoopbackListener } from './listener.js';
export { openInBrowser } from './open-browser.js';
