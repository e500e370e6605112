import { describeFailures } from './failing.js';

describeFailures(['pre-registered, secret by Basic'], { everywhere: true });
