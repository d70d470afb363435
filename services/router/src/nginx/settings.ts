import { healthAgent, healthPages } from '../health-page.ts';
import { stickyCookieName } from '../plane/client/sticky.ts';
import type { PlaneSettings } from '../plane/context.ts';
import { endToEnd } from '../plane/http/fields.ts';
import {
  commonMethods,
  pageHeaders,
  reasonOf,
  routerErrors,
  unknownRouteText,
} from '../plane/router-errors.ts';
import { bucketSeconds, mostSamples, statusClasses } from '../plane/stats.ts';

/** Connections that a worker of nginx keeps to all instances together, or to one. */
export const mostKept = 512;

/** What differs from the Node plane's: nginx serves no TRACE, and only here the routes may be out of reach. */
const errors = {
  ...routerErrors,
  methodNotAllowed: { ...routerErrors.methodNotAllowed, text: 'This method is not served.' },
  routesUnavailable: {
    status: 503,
    code: 'routes_unavailable',
    text: 'The routes cannot be asked for at the moment.',
  },
} as const;

/** Names and texts that both planes have, from the Node plane's own tables. */
const shared = {
  bucketSeconds,
  classes: statusClasses.length,
  samples: mostSamples,
  stickyCookie: stickyCookieName,
  healthAgent,
  health: healthPages,
  endToEnd: [...endToEnd],
  unknownRoute: unknownRouteText('%s'),
  errors: Object.fromEntries(
    Object.entries(errors).map(([name, error]) => [
      name,
      {
        ...error,
        reason: reasonOf(error.status),
        headers: { ...pageHeaders(error), ...(error.status === 405 ? { Allow: commonMethods } : {}) },
      },
    ]),
  ),
};

/** What the Lua half is told, as JSON; read once when nginx starts. */
export function luaSettings(
  settings: PlaneSettings,
  more: { address: string; uls: string; accessLog: boolean },
): string {
  return `${JSON.stringify({ ...settings, ...more, ...shared, mostKept })}\n`;
}
