import type { TestGrant, TestVisitor } from './settings.js';

/** A code that a device waits with. */
export interface DeviceCode {
  readonly userCode: string;
  readonly grant: TestGrant;
  readonly expiresAt: number;
  answer?: TestVisitor;
}

/** The codes that devices wait with. */
export class DeviceCodes {
  readonly #codes = new Map<string, DeviceCode>();

  add(deviceCode: string, code: DeviceCode): void {
    this.#codes.set(deviceCode, code);
  }

  /** Files what the person said; `false` where nobody waits with that code. */
  answer(userCode: string, visitor: TestVisitor): boolean {
    const code = [...this.#codes.values()].find((one) => one.userCode === userCode);
    if (code !== undefined) code.answer = visitor;
    return code !== undefined;
  }

  get(deviceCode: string): DeviceCode | undefined {
    return this.#codes.get(deviceCode);
  }

  delete(deviceCode: string): void {
    this.#codes.delete(deviceCode);
  }

  clear(): void {
    this.#codes.clear();
  }
}
