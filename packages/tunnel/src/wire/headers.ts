/** Header that carries the token or ticket in every request (caldecott.md §1). */
export const tokenHeader = 'auth-token';
/** Ours, in every answer: which process answered, so that another instance's 404 is not taken for the end. */
export const instanceHeader = 'tunnel-instance';
/** Ours, in answers that are no success: one of `tunnelCodes`. */
export const codeHeader = 'tunnel-error';
/** Ours, in a 410: `clean` or `broken`. */
export const closeHeader = 'tunnel-close';
/** Ours, in a PUT: nothing follows these bytes in this direction. */
export const finHeader = 'tunnel-fin';
/** The router's, in answers of its own. */
export const routerErrorHeader = 'x-cf-routererror';

/** What `tunnel-error` may say. */
export const tunnelCodes = [
  'unknown-tunnel',
  'tunnel-ended',
  'bad-request',
  'bad-sequence',
  'altered-repeat',
  'too-large',
  'forbidden-destination',
  'destination-refused',
  'destination-stalled',
  'destination-closed',
  'wrong-transport',
  'too-many-tunnels',
  'too-many-requests',
] as const;
export type TunnelCode = (typeof tunnelCodes)[number];
