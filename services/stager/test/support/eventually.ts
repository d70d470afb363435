import { waitFor } from '@vcap/testkit';

/** {@link waitFor} for a busy machine: below Jest's own limit, so that its error says what was waited for. */
export const eventually: typeof waitFor = (condition, options) =>
  waitFor(condition, { timeoutMs: 40_000, ...options });
