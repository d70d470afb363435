import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { bareUrl } from '../config/target.ts';
import { VmcError } from '../errors.ts';
import { parseMemory } from '../app/memory.ts';
import { isMap } from './load.ts';
import type { RawManifest, YamlMap } from './load.ts';
import { resolveSymbols } from './symbols.ts';

/** A service that an application of a manifest wants. */
export interface WantedService {
  name: string;
  /** Vendor to create it from when it is missing. */
  vendor?: string;
}

/** One application of a manifest, with absolute path and symbols resolved. */
export interface ManifestApp {
  path: string;
  name?: string;
  urls?: string[];
  memoryMb?: number;
  instances?: number;
  runtime?: string;
  framework?: string;
  command?: string;
  env: string[];
  services: WantedService[];
}

const text = z.union([z.string(), z.number()]).transform(String);
const memory = text.transform((value, context) => {
  try {
    return parseMemory(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});
const framework = z.looseObject({
  name: z.string(),
  info: z.looseObject({ mem: memory.nullish() }).nullish(),
});
const appSchema = z.looseObject({
  name: text.nullish(),
  path: z.string().nullish(),
  url: z.union([z.string(), z.array(z.string())]).nullish(),
  urls: z.array(z.string()).nullish(),
  host: z.string().nullish(),
  domain: z.string().nullish(),
  mem: memory.nullish(),
  memory: memory.nullish(),
  instances: z.int().min(1).nullish(),
  runtime: text.nullish(),
  command: z.string().nullish(),
  framework: z.union([z.string().transform((name) => ({ name })), framework]).nullish(),
  env: z.union([z.record(z.string(), z.unknown()), z.array(z.string())]).nullish(),
  services: z
    .union([
      z.array(z.string()),
      z.record(z.string(), z.looseObject({ type: z.string().nullish() }).nullish()),
    ])
    .nullish(),
  'depends-on': z.union([z.string(), z.array(z.string())]).nullish(),
});

interface Listed {
  key: string;
  path: string;
  raw: YamlMap;
}

/**
 * The applications of a manifest that a command in `workingDirectory` is about: the one whose path holds
 * it, or all, dependencies first, in the manifest's own folder. A `name` picks one wherever it lies.
 */
export function manifestApps(
  manifest: RawManifest,
  o: { workingDirectory: string; target: string; name?: string; randomWord?: () => string },
): ManifestApp[] {
  const listed = list(manifest);
  const parsed = new Map(listed.map((entry) => [entry, parseApp(manifest, entry, o)] as const));
  const appOf = (entry: Listed) => parsed.get(entry)?.app as ManifestApp;
  const named = listed.filter((entry) => o.name !== undefined && appOf(entry).name === o.name);
  if (named.length > 0) return named.map(appOf);
  const atTop = relative(manifest.directory, o.workingDirectory) === '';
  const holding = listed
    .filter((entry) => isWithin(entry.path, o.workingDirectory))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (!atTop && holding !== undefined) return [appOf(holding)];
  if (!atTop)
    throw new VmcError(`${o.workingDirectory} belongs to no application of ${manifest.file}`, {
      hint: 'Go to one of its folders, or give the application name.',
    });
  return order(listed, (entry) => parsed.get(entry)?.dependsOn ?? [], manifest).map(appOf);
}

function list(manifest: RawManifest): Listed[] {
  const { applications } = manifest.tree;
  const at = (path: string) => resolve(manifest.directory, path);
  if (applications === undefined || applications === null)
    return [{ key: '.', path: manifest.directory, raw: manifest.tree }];
  if (Array.isArray(applications))
    return applications.map((raw: unknown, index) => {
      if (!isMap(raw)) throw new VmcError(`In ${manifest.file}: application ${index + 1} must be a map`);
      const path = typeof raw['path'] === 'string' ? raw['path'] : '.';
      // Settings at the top level hold for every application of the list.
      const { applications: _, properties: __, ...common } = manifest.tree;
      return { key: path, path: at(path), raw: { ...common, ...raw } };
    });
  if (!isMap(applications)) throw new VmcError(`In ${manifest.file}: 'applications' must be a map or a list`);
  return Object.entries(applications).map(([key, raw]) => {
    if (!isMap(raw)) throw new VmcError(`In ${manifest.file}: application '${key}' must be a map`);
    return { key, path: at(key), raw };
  });
}

function parseApp(
  manifest: RawManifest,
  entry: Listed,
  o: { target: string; name?: string; randomWord?: () => string },
): { app: ManifestApp; dependsOn: string[] } {
  const { target, randomWord } = o;
  const source = { target, appKey: entry.key, ...(randomWord === undefined ? {} : { randomWord }) };
  const result = appSchema.safeParse(resolveSymbols(entry.raw, [manifest.tree], source));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new VmcError(
      `In ${manifest.file}, application '${entry.key}': '${issue?.path.join('.') ?? ''}' is wrong: ${issue?.message ?? ''}`,
    );
  }
  const raw = result.data;
  const urls = urlsOf(raw);
  const memoryMb = raw.mem ?? raw.memory ?? frameworkMemory(raw.framework);
  const app: ManifestApp = {
    path: entry.path,
    env: envOf(raw.env),
    services: servicesOf(raw.services),
    ...present('name', raw.name),
    ...present('urls', urls),
    ...present('memoryMb', memoryMb),
    ...present('instances', raw.instances),
    ...present('runtime', raw.runtime),
    ...present('framework', raw.framework?.name),
    ...present('command', raw.command),
  };
  return { app, dependsOn: [raw['depends-on'] ?? []].flat().map((path) => join(manifest.directory, path)) };
}

type RawApp = z.infer<typeof appSchema>;

function frameworkMemory(value: RawApp['framework']): number | undefined {
  return value !== null && value !== undefined && 'info' in value
    ? ((value.info as { mem?: number | null } | null | undefined)?.mem ?? undefined)
    : undefined;
}

function urlsOf(raw: RawApp): string[] | undefined {
  const urls = [raw.url ?? [], raw.urls ?? []].flat();
  if (typeof raw.host === 'string' && typeof raw.domain === 'string') urls.push(`${raw.host}.${raw.domain}`);
  if (urls.length === 0) return undefined;
  return urls.filter((url) => url.toLowerCase() !== 'none').map(bareUrl);
}

function envOf(env: RawApp['env']): string[] {
  if (Array.isArray(env)) return env;
  return Object.entries(env ?? {}).map(
    ([key, value]) =>
      `${key}=${typeof value === 'string' ? value : JSON.stringify(value ?? '').replace(/^""$/, '')}`,
  );
}

function servicesOf(services: RawApp['services']): WantedService[] {
  if (Array.isArray(services)) return services.map((name) => ({ name }));
  return Object.entries(services ?? {}).map(([name, wanted]) =>
    typeof wanted?.type === 'string' ? { name, vendor: wanted.type } : { name },
  );
}

function order(listed: Listed[], dependsOn: (entry: Listed) => string[], manifest: RawManifest): Listed[] {
  const done: Listed[] = [];
  const visit = (entry: Listed, open: Listed[]) => {
    if (done.includes(entry)) return;
    if (open.includes(entry))
      throw new VmcError(`In ${manifest.file}: '${entry.key}' depends on itself through 'depends-on'`);
    for (const path of dependsOn(entry)) {
      const found = listed.find((other) => resolve(other.path) === resolve(path));
      if (found === undefined)
        throw new VmcError(`In ${manifest.file}: '${entry.key}' depends on '${path}', which is not listed`);
      visit(found, [...open, entry]);
    }
    done.push(entry);
  };
  for (const entry of listed) visit(entry, []);
  return done;
}

function isWithin(parent: string, path: string): boolean {
  const way = relative(parent, path);
  return way === '' || (!way.startsWith('..') && !way.startsWith('/'));
}

function present<K extends string, V>(key: K, value: V | null | undefined): { [P in K]?: V } {
  return value === null || value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
