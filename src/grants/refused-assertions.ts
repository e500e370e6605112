/** What a server has refused, so that it is not asked the same again. One for each grant; it keeps no assertion. */
export interface RefusedAssertions {
  /**
   * Whether this is the assertion that was refused last.
   *
   * @param assertion - The JWT.
   * @returns `true`: it is not presented again.
   */
  has(assertion: string): Promise<boolean>;
  /**
   * Remembers that this assertion was refused.
   *
   * @param assertion - The JWT. A secret: keep no more of it than a hash.
   */
  add(assertion: string): Promise<void>;
}

/** Only the last one is remembered: whoever has a newer one does not come back to the one before. */
export function refusedAssertions(): RefusedAssertions {
  let last: string | undefined;
  return {
    has: async (assertion) => last !== undefined && last === (await digest(assertion)),
    add: async (assertion) => {
      last = await digest(assertion);
    },
  };
}

async function digest(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).join();
}
