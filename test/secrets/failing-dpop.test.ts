import { describeFailures } from './failing.js';

describeFailures(['bound to a key (DPoP)']);
