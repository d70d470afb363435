import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** A kind of application that vmc knows. */
export interface FrameworkInfo {
  name: string;
  label: string;
  memoryMb: number;
}

const known: readonly FrameworkInfo[] = [
  { name: 'rack', label: 'Rack Application', memoryMb: 128 },
  { name: 'sinatra', label: 'Sinatra Application', memoryMb: 128 },
  { name: 'wsgi', label: 'Python WSGI Application', memoryMb: 128 },
  { name: 'node', label: 'Node.js Application', memoryMb: 256 },
  { name: 'static', label: 'Static Site', memoryMb: 128 },
  { name: 'standalone', label: 'Standalone Application', memoryMb: 128 },
];

/** What is known of a framework; one that only the target knows gets 128 MB. */
export function frameworkInfo(name: string): FrameworkInfo {
  return known.find((entry) => entry.name === name) ?? { name, label: `${name} Application`, memoryMb: 128 };
}

const packageSchema = z.looseObject({ scripts: z.looseObject({ start: z.string().optional() }).optional() });

/**
 * Framework of a folder, from its top level; the first match wins (reference: API v1 §5.6). A
 * `package.json` without a start script or a server file counts as Node only where there is no
 * `index.html`: it is then the tooling of a site.
 */
export async function detectFramework(directory: string): Promise<FrameworkInfo> {
  const names = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);
  const has = (name: string) => names.includes(name);
  const rules: Record<string, () => boolean | Promise<boolean>> = {
    rack: () => has('config.ru'),
    sinatra: () => someRequiresSinatra(directory, names),
    wsgi: () => has('wsgi.py'),
    node: async () =>
      ['server.js', 'app.js', 'index.js'].some(has) ||
      (has('package.json') && (!has('index.html') || (await hasStartScript(directory)))),
    static: () => has('index.html'),
  };
  for (const [name, matches] of Object.entries(rules)) if (await matches()) return frameworkInfo(name);
  return frameworkInfo('standalone');
}

async function someRequiresSinatra(directory: string, names: string[]): Promise<boolean> {
  for (const name of names.filter((entry) => entry.endsWith('.rb'))) {
    const text = await readFile(join(directory, name), 'utf8');
    if (/^\s*require\s*\(?\s*['"]sinatra(\/base)?['"]/m.test(text)) return true;
  }
  return false;
}

async function hasStartScript(directory: string): Promise<boolean> {
  try {
    const parsed = packageSchema.safeParse(
      JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')),
    );
    return parsed.data?.scripts?.start !== undefined;
  } catch {
    return false;
  }
}

const runtimeHints: readonly [RegExp, string][] = [
  [/\.m?js$/, 'node'],
  [/\.rb$/, 'ruby'],
  [/\.py$/, 'python'],
  [/\.(class|jar)$/, 'java'],
];

/** For a standalone application: the first of the target's runtimes that fits its files, else the first. */
export function chooseRuntime(files: readonly string[], runtimes: readonly string[]): string | undefined {
  for (const [pattern, prefix] of runtimeHints) {
    if (!files.some((file) => pattern.test(file))) continue;
    const found = runtimes.find((runtime) => runtime.startsWith(prefix));
    if (found !== undefined) return found;
  }
  return runtimes[0];
}
