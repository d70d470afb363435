import { randomBytes } from 'node:crypto';
import { VmcError } from '../errors.ts';
import { targetBase } from '../config/target.ts';
import { isMap } from './load.ts';
import type { YamlMap } from './load.ts';

/** What symbols outside the manifest stand for. */
export interface SymbolSource {
  target: string;
  /** Key of the current application under `applications`. */
  appKey: string;
  randomWord?: () => string;
}

/**
 * Replaces `${name}` in every string of a value. A symbol is looked up in the enclosing maps outward, in
 * each: its `properties`, its `applications` entry for the current one, then the key itself (reference:
 * API v1 §5.4). Throws VmcError for an unknown symbol or one that stands for itself.
 */
export function resolveSymbols(value: unknown, scopes: readonly YamlMap[], source: SymbolSource): unknown {
  return resolveValue(value, scopes, source, []);
}

function resolveValue(
  value: unknown,
  scopes: readonly YamlMap[],
  source: SymbolSource,
  open: readonly string[],
): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\$\{([A-Za-z0-9-]+)\}/g, (_, name: string) =>
      symbol(name, scopes, source, open),
    );
  if (Array.isArray(value)) return value.map((entry) => resolveValue(entry, scopes, source, open));
  if (!isMap(value)) return value;
  const inner = [value, ...scopes];
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, resolveValue(entry, inner, source, open)]),
  );
}

function symbol(
  name: string,
  scopes: readonly YamlMap[],
  source: SymbolSource,
  open: readonly string[],
): string {
  if (name === 'target-base') return targetBase(source.target);
  if (name === 'target-url') return source.target;
  if (name === 'random-word')
    return (source.randomWord ?? (() => randomBytes(3).toString('hex').slice(0, 5)))();
  if (open.includes(name)) throw new VmcError(`The manifest symbol \${${name}} stands for itself`);
  for (const scope of scopes) {
    const { properties, applications } = scope;
    const app = isMap(applications) ? applications[source.appKey] : undefined;
    const places = [
      isMap(properties) ? properties[name] : undefined,
      isMap(app) ? app[name] : undefined,
      scope[name],
    ];
    const raw = places.find((place) => place !== undefined && place !== null);
    if (raw !== undefined) return String(resolveValue(raw, scopes, source, [...open, name]));
  }
  throw new VmcError(`The manifest symbol \${${name}} is unknown`, { hint: "Define it under 'properties'." });
}
