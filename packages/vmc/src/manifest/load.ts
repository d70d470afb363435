import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { VmcError } from '../errors.ts';
import { readText } from '../config/files.ts';

/** A YAML map whose members are not known yet. */
export type YamlMap = Record<string, unknown>;

/** A manifest with everything it inherits merged in; its symbols are still in place. */
export interface RawManifest {
  file: string;
  directory: string;
  tree: YamlMap;
}

const inheritSchema = z.union([z.string(), z.array(z.string())]).nullish();

/** The manifest given, else the nearest `manifest.yml` from `start` upward; undefined when there is none. */
export function findManifest(start: string, given?: string): string | undefined {
  if (given !== undefined) {
    const file = resolve(start, given);
    if (readText(file) === undefined) throw new VmcError(`There is no manifest ${file}`);
    return file;
  }
  for (let directory = start; ; directory = dirname(directory)) {
    const file = join(directory, 'manifest.yml');
    if (readText(file) !== undefined) return file;
    if (dirname(directory) === directory) return undefined;
  }
}

/** Reads a manifest and what it inherits from. */
export async function loadManifest(file: string): Promise<RawManifest> {
  return { file, directory: dirname(file), tree: await loadTree(file, []) };
}

async function loadTree(file: string, heirs: string[]): Promise<YamlMap> {
  if (heirs.includes(file)) throw new VmcError(`The manifest ${file} inherits from itself`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new VmcError(`The manifest ${file} cannot be read`, { cause });
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new VmcError(`The manifest ${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
  if (value === null || value === undefined) return {};
  if (!isMap(value)) throw new VmcError(`The manifest ${file} must be a map`);
  const { inherit, ...own } = value;
  const parents = inheritSchema.safeParse(inherit);
  if (!parents.success) throw new VmcError(`In ${file}: 'inherit' must be a file or a list of files`);
  let merged: YamlMap = {};
  for (const parent of [parents.data ?? []].flat())
    merged = deepMerge(merged, await loadTree(resolve(dirname(file), parent), [...heirs, file]));
  return deepMerge(merged, own);
}

export function isMap(value: unknown): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepMerge(under: YamlMap, over: YamlMap): YamlMap {
  const merged: YamlMap = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isMap(below) && isMap(value) ? deepMerge(below, value) : value;
  }
  return merged;
}
