export type {
  LoopbackCallback,
  LoopbackListener,
  LoopbackListenerOptions,
  LoopbackOutcome,
  WaitOptions,
} from './contract.js';
export { startLoopbackListener } from './listener.js';
export { openInBrowser } from './open-browser.js';
export { detectSurroundings, type Machine, type Surroundings } from './surroundings.js';
