import { createHash, randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';

/**
 * Who sent the request. Your application's own login takes the place of this: here, a browser that comes for the first time becomes a
 * new user, with a cookie that nobody can guess.
 */
export function userOf(request: Request, response: Response, production: boolean): string {
  const name = production ? '__Host-user' : 'user';
  const cookies = (request.get('cookie') ?? '').split(';').map((cookie) => cookie.trim());
  const found = cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
  const secret = found !== undefined && /^[\w-]{43}$/.test(found) ? found : randomBytes(32).toString('base64url');
  // Lax: the browser sends it when it comes back from the authorization server, but not with another site's POST.
  if (secret !== found)
    response.cookie(name, secret, { httpOnly: true, sameSite: 'lax', path: '/', secure: production });
  // The account is readable in the names of the store's keys, and the cookie is as good as a password.
  return createHash('sha256').update(secret).digest('base64url');
}
