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
}

const ruby = ['ruby'];
const java = ['java'];
const python = ['python'];

/** The frameworks of API v1 by name. A client knows no others, and breaks on an unknown one. */
const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  rails3: {
    families: ruby,
    detection: [{ 'config/application.rb': true }, { 'config/environment.rb': true }],
  },
  rack: { families: ruby, detection: [{ 'config.ru': true }, { 'config/environment.rb': false }] },
  sinatra: {
    families: ruby,
    detection: [{ '*.rb': '\\s*require[\\s\\(]*[\'"]sinatra[\'"]' }, { 'config/environment.rb': false }],
  },
  node: { families: ['node'], detection: [{ '*.js': '.' }] },
  static: { families: ['node'], detection: [{ 'index.html': true }] },
  java_web: { families: java, detection: [{ '*.war': true }] },
  spring: { families: java, detection: [{ '*.war': true }] },
  grails: { families: java, detection: [{ '*.war': true }] },
  lift: { families: java, detection: [{ '*.war': true }] },
  play: { families: java, detection: [{ 'lib/play.*.jar': true }] },
  php: { families: ['php'], detection: [{ '*.php': true }] },
  otp_rebar: { families: ['erlang'], detection: [{ 'releases/*/*.rel': '.' }] },
  django: { families: python, detection: [{ '*.py': '.' }, { 'manage.py': true }] },
  wsgi: { families: python, detection: [{ 'wsgi.py': true }] },
  standalone: { families: [], detection: [] },
};

/** Taken from clients but offered to none. */
const ACCEPTED_ONLY = new Set(['unknown', 'dotNet']);

/** Names that clients of the first year send. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  'http://b20nine.com/unknown': 'sinatra',
  'nodejs/1.0': 'node',
  'rails/1.0': 'rails3',
  'java_web/1.0': 'java_web',
  'spring_web/1.0': 'spring',
  'grails/1.0': 'grails',
  'lift/1.0': 'lift',
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
  if (!known && !ACCEPTED_ONLY.has(name)) throw new ApiError(300, `unknown framework ${framework}`);
  if (runtime === null) {
    const first =
      known && known.families.length > 0 ? offers.find((offer) => serves(known, offer.name)) : undefined;
    return { framework: name, runtime: first?.name ?? null };
  }
  // While no stager and no DEA has been heard, nothing can be said about runtimes: staging decides.
  if (offers.length > 0 && !offers.some((offer) => offer.name === runtime)) {
    throw new ApiError(300, `unknown runtime ${runtime}`);
  }
  if (known && !serves(known, runtime)) throw new ApiError(307, runtime, name);
  return { framework: name, runtime };
}

/** The `frameworks` part of GET /info: those with a runtime on offer, and standalone. */
export function offeredFrameworks(offers: readonly RuntimeOffer[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, framework] of Object.entries(FRAMEWORKS)) {
    const runtimes = offers.filter((offer) => serves(framework, offer.name));
    if (runtimes.length === 0 && name !== 'standalone') continue;
    result[name] = { name, runtimes, appservers: [], detection: framework.detection };
  }
  return result;
}
