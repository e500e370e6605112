// What is used here and not in ../servers, of the same package without types.
declare module 'oidc-provider' {
  export interface FoundToken {
    /** Neither expired nor used up. */
    readonly isValid: boolean;
    readonly accountId?: string;
    readonly clientId: string;
    readonly grantId?: string;
    readonly aud?: string | string[];
    readonly scope?: string;
    readonly jkt?: string;
    readonly extra?: Readonly<Record<string, unknown>>;
    destroy(): Promise<void>;
  }

  interface TokenModel {
    find(token: string): Promise<FoundToken | undefined>;
    revokeByGrantId(grantId: string): Promise<void>;
  }

  interface Provider {
    readonly AccessToken: TokenModel;
    readonly ClientCredentials: TokenModel;
    readonly RefreshToken: TokenModel;
  }

  export const errors: Readonly<Record<'InvalidGrant' | 'InvalidTarget', new (description: string) => Error>>;
}
