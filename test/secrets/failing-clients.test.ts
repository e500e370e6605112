import { describeFailures } from './failing.js';

describeFailures([
  'pre-registered, secret in the form',
  'metadata document with a key',
  'registered dynamically',
  'device code',
]);
