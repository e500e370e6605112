import { describeFailures } from './failing.js';

describeFailures([
  'client credentials',
  'a key of a machine',
  'identity of a workload',
  'enterprise-managed',
  'enterprise-managed, signing in there',
]);
