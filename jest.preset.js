import { fileURLToPath } from 'node:url';

/** Shared Jest settings: native ESM, types stripped by Node, workspace imports resolved to sources. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': fileURLToPath(new URL('tools/jest-strip-types.mjs', import.meta.url)) },
  // Machines are busy: a test that hangs is found as well after half a minute.
  testTimeout: 30_000,
  reporters: ['default', fileURLToPath(new URL('tools/jest-end.mjs', import.meta.url))],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
};
