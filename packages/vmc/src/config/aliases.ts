import { parse, stringify } from 'yaml';
import { VmcError } from '../errors.ts';
import { readText, writePrivate } from './files.ts';

/** Alias to command words, from the YAML alias file. */
export function readAliases(file: string): Record<string, string> {
  const text = readText(file);
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new VmcError(`${file} is not YAML`, { hint: 'Mend or remove it.', cause });
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new VmcError(`${file} must be a map of alias to command`, { hint: 'Mend or remove it.' });
  return Object.fromEntries(Object.entries(value).map(([name, command]) => [name, String(command)]));
}

export function writeAliases(file: string, aliases: Record<string, string>): void {
  writePrivate(file, stringify(aliases));
}
