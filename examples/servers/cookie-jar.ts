interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
}

/** The little of RFC 6265 that a scripted person needs: host-only cookies, paths and deletion. */
export interface CookieJar {
  store(url: URL, setCookie: readonly string[]): void;
  /** The `Cookie` header for a request to this URL; empty where there is none. */
  header(url: URL): string;
}

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, Cookie>();
  return {
    store(url, setCookie) {
      for (const line of setCookie) {
        const [pair = '', ...attributes] = line.split(';');
        const equals = pair.indexOf('=');
        if (equals < 1) continue;
        const attribute = readAttributes(attributes);
        const given = attribute.get('path') ?? '';
        const cookie: Cookie = {
          name: pair.slice(0, equals).trim(),
          value: pair.slice(equals + 1).trim(),
          host: url.hostname,
          path: given.startsWith('/') ? given : defaultPath(url.pathname),
        };
        const key = `${cookie.host} ${cookie.path} ${cookie.name}`;
        if (isDeletion(attribute)) cookies.delete(key);
        else cookies.set(key, cookie);
      }
    },
    header(url) {
      return [...cookies.values()]
        .filter((cookie) => cookie.host === url.hostname && pathMatches(url.pathname, cookie.path))
        .sort((a, b) => b.path.length - a.path.length)
        .map((cookie) => `${cookie.name}=${cookie.value}`)
        .join('; ');
    },
  };
}

function readAttributes(attributes: readonly string[]): Map<string, string> {
  return new Map(
    attributes.map((attribute): [string, string] => {
      const [name = '', ...value] = attribute.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim()];
    }),
  );
}

function isDeletion(attribute: ReadonlyMap<string, string>): boolean {
  const maxAge = attribute.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attribute.get('expires');
  return expires !== undefined && Date.parse(expires) <= Date.now();
}

function defaultPath(pathname: string): string {
  const slash = pathname.lastIndexOf('/');
  return slash <= 0 ? '/' : pathname.slice(0, slash);
}

function pathMatches(requestPath: string, cookiePath: string): boolean {
  if (requestPath === cookiePath) return true;
  return requestPath.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
}
