/** Names of parameters in which keys are put. */
const KEY_NAME = /key|token|secret|passw|auth|sig|cred|code|jwt/i;
/** What looks like a key whatever its name is: long, of letters and digits. */
const KEY = /^(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]{20,}$/;

/**
 * The server's URL as it may stand on a screen or in a log: parameters of its query whose name or form says that they are keys have no
 * value there. Others stay, since they may be what tells one server from another.
 */
export function shownUrl(url: string): string {
  return url.replace(/([?&][^?=&#]*=)([^&#]*)/g, (pair, name: string, value: string) =>
    value !== '' && (KEY_NAME.test(name) || KEY.test(value)) ? `${name}…` : pair,
  );
}
