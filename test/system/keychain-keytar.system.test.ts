import { describeKeychain } from './keychain-scenarios.js';

describeKeychain('keytar');
