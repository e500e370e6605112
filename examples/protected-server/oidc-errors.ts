// First, so that the notice which the package prints while it loads is held back.
import '../servers/quiet-oidc-provider.js';

export const { errors } = await import('oidc-provider');
