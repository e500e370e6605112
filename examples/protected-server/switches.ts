import express, { type RequestHandler, type Router } from 'express';
import { z } from 'zod';

const outage = z.strictObject({
  /** The path that fails; `*` for all but this one. */
  path: z.string(),
  status: z.number().int().min(400).max(599).default(503),
  /** Ends after this many requests, or after `seconds`, whichever comes first. */
  times: z.number().int().positive().optional(),
  seconds: z.number().positive().optional(),
  /** `Retry-After`, in seconds. */
  retryAfter: z.number().int().optional(),
});

const schema = z.strictObject({
  /** Lifetime of access tokens, in seconds. */
  accessTokenSeconds: z.number().int().positive(),
  /** Lifetime of authorization codes, in seconds. */
  codeSeconds: z.number().int().positive().max(600),
  /** A new refresh token at every refresh; a reused one ends the family, with `grace` not for `graceSeconds`. */
  rotation: z.enum(['always', 'grace', 'never']),
  graceSeconds: z.number().nonnegative(),
  missingMetadata: z.enum(['none', 'resource', 'authorization-server', 'all']),
  outage: outage.nullable(),
  /** Tool to the scopes that it needs besides those of the map. */
  stepUp: z.record(z.string(), z.array(z.string())),
  deviceGrant: z.boolean(),
  /** Bound tokens (RFC 9449): not at all, for those who bring a proof, or for everyone. */
  dpop: z.enum(['off', 'offered', 'required']),
  /** Another issuer that is named and trusted from now on; `null`: the one it was started with. */
  authorizationServer: z.url().nullable(),
});

/** What a running server can be told to do otherwise. The same object all along: a change is seen at once. */
export type Switches = z.infer<typeof schema>;

export function createSwitches(): Switches {
  return {
    accessTokenSeconds: 3_600,
    codeSeconds: 60,
    rotation: 'always',
    graceSeconds: 30,
    missingMetadata: 'none',
    outage: null,
    stepUp: {},
    deviceGrant: false,
    dpop: 'off',
    authorizationServer: null,
  };
}

/**
 * `GET` and `POST /switches`, `POST /revoke` with `{ "token": … }`. For whoever sits at this machine: the server is bound to loopback,
 * a page in the browser cannot send JSON from another origin, and nothing that a proxy passed on is taken.
 */
export function adminRouter(switches: Switches, revoke: (token: string) => Promise<void>): Router {
  const router = express.Router();
  router.use((request, response, next) => {
    const foreign = ['origin', 'forwarded', 'x-forwarded-for'].some((name) => request.get(name) !== undefined);
    if (foreign) response.status(403).json({ error: 'access_denied' });
    else next();
  });
  router.use(express.json());
  router.get('/switches', (_, response) => void response.json(switches));
  router.post('/switches', (request, response) => {
    const change = schema.partial().safeParse(request.body);
    if (!change.success) {
      response.status(400).json({ error: 'invalid_request', error_description: z.prettifyError(change.error) });
      return;
    }
    Object.assign(switches, change.data);
    response.json(switches);
  });
  router.post('/revoke', async (request, response) => {
    const body = z.object({ token: z.string().min(1) }).safeParse(request.body);
    if (body.success) await revoke(body.data.token);
    response.status(body.success ? 204 : 400).end();
  });
  return router;
}

/** Answers as the `outage` and the `missingMetadata` switches say, before anything else looks at the request. */
export function failures(switches: Switches): RequestHandler {
  let current: Switches['outage'] = null;
  let [since, answered] = [0, 0];
  return ({ path }, response, next) => {
    const { outage, missingMetadata: missing } = switches;
    if (outage !== current) {
      current = outage;
      [since, answered] = [Date.now(), 0];
    }
    if (outage !== null && (outage.path === path || outage.path === '*')) {
      const over =
        answered >= (outage.times ?? Number.POSITIVE_INFINITY) ||
        Date.now() - since >= (outage.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
      if (!over) {
        answered += 1;
        if (outage.retryAfter !== undefined) response.set('retry-after', String(outage.retryAfter));
        response.status(outage.status).json({ error: 'temporarily_unavailable' });
        return;
      }
    }
    const resource = path.startsWith('/.well-known/oauth-protected-resource');
    const server = /^\/\.well-known\/(oauth-authorization-server|openid-configuration)/.test(path);
    const absent = (resource && missing === 'resource') || (server && missing === 'authorization-server');
    if (absent || ((resource || server) && missing === 'all')) response.status(404).json({ error: 'not_found' });
    else next();
  };
}
