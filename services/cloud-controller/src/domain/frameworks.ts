import { ApiError } from '../errors.ts';

/** A runtime as stagers and DEAs offer it. */
export interface RuntimeOffer {
  name: string;
  version: string;
  description: string;
}

interface Framework {
  /** Beginnings of the names of runtimes that serve it; the empty list means any. */
  families: readonly string[];
  /** How a client recognises it: file pattern to a content regexp, true (must exist) or false (must not). */
  detection: readonly Record<string, string | boolean>[];
  /** MB that a bare application on today's runtime needs under load. */
  memoryMb: number;
}

const ruby = ['ruby'];

/** The frameworks that stagers have a plugin for, by the names of API v1. */
const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  rack: {
    families: ruby,
    detection: [{ 'config.ru': true }, { 'config/environment.rb': false }],
    memoryMb: 128,
  },
  sinatra: {
    families: ruby,
    detection: [{ '*.rb': '\\s*require[\\s\\(]*[\'"]sinatra[\'"]' }, { 'config/environment.rb': false }],
    memoryMb: 128,
  },
  node: { families: ['node'], detection: [{ '*.js': '.' }], memoryMb: 256 },
  wsgi: { families: ['python'], detection: [{ 'wsgi.py': true }], memoryMb: 128 },
  static: { families: ['node'], detection: [{ 'index.html': true }], memoryMb: 128 },
  standalone: { families: [], detection: [], memoryMb: 128 },
};

/** Names that clients of the first year send. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  'http://b20nine.com/unknown': 'sinatra',
  'nodejs/1.0': 'node',
};

function serves(framework: Framework, runtime: string): boolean {
  return framework.families.length === 0 || framework.families.some((family) => runtime.startsWith(family));
}

/**
 * Checks a framework and its runtime, filling in the default runtime (the first one offered that serves it).
 * Throws 300 for a framework or runtime that no one has, 307 for two that do not go together.
 */
export function chooseStack(
  framework: string,
  runtime: string | null,
  offers: readonly RuntimeOffer[],
): { framework: string; runtime: string | null } {
  const name = OLD_NAMES[framework] ?? framework;
  const known = Object.hasOwn(FRAMEWORKS, name) ? FRAMEWORKS[name] : undefined;
  if (!known) {
    const names = Object.keys(FRAMEWORKS).join(', ');
    throw new ApiError(300, `unknown framework ${framework}; there are ${names}`);
  }
  if (runtime === null) {
    const first = known.families.length > 0 ? offers.find((offer) => serves(known, offer.name)) : undefined;
    return { framework: name, runtime: first?.name ?? null };
  }
  // While no stager and no DEA has been heard, nothing can be said about runtimes: staging decides.
  if (offers.length > 0 && !offers.some((offer) => offer.name === runtime)) {
    throw new ApiError(300, `unknown runtime ${runtime}`);
  }
  if (!serves(known, runtime)) throw new ApiError(307, runtime, name);
  return { framework: name, runtime };
}

/** Memory in MB for an app of this framework that names none. */
export function defaultMemoryMb(framework: string): number {
  return Object.hasOwn(FRAMEWORKS, framework) ? (FRAMEWORKS[framework]?.memoryMb ?? 128) : 128;
}

/** The `frameworks` part of GET /info: those with a runtime that some DEA offers. `memory` is the default, in MB. */
export function offeredFrameworks(offers: readonly RuntimeOffer[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, framework] of Object.entries(FRAMEWORKS)) {
    const runtimes = offers.filter((offer) => serves(framework, offer.name));
    if (runtimes.length === 0) continue;
    const { detection, memoryMb } = framework;
    result[name] = { name, runtimes, appservers: [], detection, memory: memoryMb };
  }
  return result;
}
