/**
 * An authorization server, a protected MCP server, a person and a clock in the process, for the tests of an application. Begin with
 * {@link createTestServer}.
 *
 * @module mcp-oauth-client/testing
 */

export { TestClock, testClock } from './clock.js';
export { deviations, type TestDeviation, type TestDeviations } from './deviations.js';
export {
  errorPage,
  oauthError,
  type TestAnswer,
  type TestEndpoint,
  type TestJsonAnswer,
  type TestRequest,
  type TestRequestKind,
} from './exchange.js';
export type { TestFailure, TestFailureBounds } from './failures.js';
export { createTestServer, type TestServer, type TestServerOptions } from './server.js';
export type {
  TestClient,
  TestGrant,
  TestRefusal,
  TestServerHooks,
  TestServerSettings,
  TestVisitor,
} from './settings.js';
export { testOptions } from './test-options.js';
export { type ScriptedUser, type ScriptedUserOptions, scriptedUser } from './user.js';
