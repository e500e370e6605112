import { stringList } from '../../discovery/fetch-document.js';
import { excerpt } from '../../http/index.js';
import type { JsonObject } from '../../http/json.js';

const LONGEST_ITEM = 120;
const MOST_NAMES = 8;

/** A list of strings that a server sent, fit to be shown; `undefined` where it is none. */
export function shownList(value: unknown): readonly string[] | undefined {
  return stringList(value)?.map((item) => excerpt(item, LONGEST_ITEM));
}

/** The names of members that are null, or are text where they have to be true or false, or no list where they have to be one. */
export interface OddMembers {
  readonly nulls: readonly string[];
  readonly texts: readonly string[];
  readonly lists: readonly string[];
}

const BOOLEANS: ReadonlySet<string> = new Set([
  'authorization_response_iss_parameter_supported',
  'client_id_metadata_document_supported',
  'dpop_bound_access_tokens_required',
  'require_pushed_authorization_requests',
  'require_signed_request_object',
]);

/** What in a document deviates by shape; the library reads over it. */
export function oddMembers(document: JsonObject | undefined): OddMembers {
  const entries = Object.entries(document ?? {});
  const names = (odd: (name: string, value: unknown) => boolean) =>
    entries
      .filter(([name, value]) => odd(name, value))
      .map(([name]) => excerpt(name, 60))
      .slice(0, MOST_NAMES);
  return {
    nulls: names((_, value) => value === null),
    texts: names((name, value) => BOOLEANS.has(name) && value !== null && typeof value !== 'boolean'),
    lists: names(
      (name, value) =>
        /_supported$|^authorization_servers$/.test(name) && typeof value === 'string' && !BOOLEANS.has(name),
    ),
  };
}
