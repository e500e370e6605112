/** A person signs in by the browser, which comes back with a code. Made by {@link authorizationCode}. */
export interface AuthorizationCodeGrant {
  readonly type: 'authorization_code';
}

/** A person signs in on any device with a short code. Made by {@link deviceCode}. */
export interface DeviceCodeGrant {
  readonly type: 'device_code';
}

/** How tokens are obtained: the `grant` option. */
export type Grant = AuthorizationCodeGrant | DeviceCodeGrant;

/**
 * Sign-in by the browser with PKCE, and by nothing else.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1 | RFC 6749 section 4.1}
 */
export function authorizationCode(): AuthorizationCodeGrant {
  return { type: 'authorization_code' };
}

/**
 * Sign-in with a short code that the person enters in a browser on any device. A `device_code` event carries the code.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8628.html | RFC 8628}
 */
export function deviceCode(): DeviceCodeGrant {
  return { type: 'device_code' };
}
