import { findCommand } from '../cli/commands.ts';
import { readAliases, writeAliases } from '../config/aliases.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';

/** `aliases`: one's own command words. */
export async function aliases(context: Context): Promise<void> {
  const found = readAliases(context.store.aliasFile);
  context.ui.table(found, ['Alias', 'Command'], Object.entries(found), 'No Aliases');
}

/** `alias name=command`, or `alias name command...`. */
export async function alias(context: Context): Promise<void> {
  const first = context.required(0, 'The alias (name=command)');
  const equals = first.indexOf('=');
  const name = equals < 0 ? first : first.slice(0, equals);
  const words = [...(equals < 0 ? [] : [first.slice(equals + 1)]), ...context.args.slice(1)];
  const command = words.join(' ').trim();
  if (!/^[\w-]+$/.test(name) || command === '')
    throw new UsageError('That is no alias', 'Use `vmc alias name=command`.');
  if (findCommand(name) !== undefined) throw new UsageError(`'${name}' is a command of vmc already`);
  const { aliasFile } = context.store;
  writeAliases(aliasFile, { ...readAliases(aliasFile), [name]: command });
  context.ui.say(`Successfully aliased '${name}' to '${command}'`);
}

/** `unalias name` */
export async function unalias(context: Context): Promise<void> {
  const name = context.required(0, 'The alias');
  const { aliasFile } = context.store;
  const { [name]: gone, ...rest } = readAliases(aliasFile);
  if (gone === undefined) throw new VmcError(`There is no alias '${name}'`, { hint: 'See `vmc aliases`.' });
  writeAliases(aliasFile, rest);
  context.ui.say(`Successfully unaliased '${name}'`);
}
