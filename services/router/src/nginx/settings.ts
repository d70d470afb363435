import type { PlaneSettings } from '../plane/context.ts';
import { reasonOf, routerErrors } from '../plane/router-errors.ts';
import { bucketSeconds, mostSamples, statusClasses } from '../plane/stats.ts';

/** The routes cannot be asked for at the moment: only this plane knows the case. */
const routesUnavailable = {
  status: 503,
  code: 'routes_unavailable',
  text: 'The routes cannot be asked for at the moment.',
} as const;

/** What the Lua half is told, as JSON; read once when nginx starts. */
export function luaSettings(
  settings: PlaneSettings,
  more: { address: string; uls: string; accessLog: boolean },
): string {
  const errors = Object.fromEntries(
    Object.entries({ ...routerErrors, routesUnavailable }).map(([name, error]) => [
      name,
      { ...error, reason: reasonOf(error.status) },
    ]),
  );
  const figures = { bucketSeconds, classes: statusClasses.length, samples: mostSamples };
  return `${JSON.stringify({ ...settings, ...more, ...figures, errors })}\n`;
}
