import { describeKeychain } from './keychain-scenarios.js';

describeKeychain('@napi-rs/keyring');
