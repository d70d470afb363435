import { findCommand } from './cli/commands.ts';
import type { CommandSpec } from './cli/commands.ts';
import { parseCommandLine } from './cli/flags.ts';
import type { CommandLine } from './cli/flags.ts';
import { Store } from './config/store.ts';
import { Context } from './context.ts';
import type { Host } from './context.ts';
import { UsageError, VmcError } from './errors.ts';

/** Runs one command line to its end and answers the exit status: 0, 1 for a failure, 2 for wrong usage. */
export async function runVmc(words: readonly string[], host: Host): Promise<number> {
  let context: Context | undefined;
  try {
    const { spec, line } = await choose(words, host);
    context = new Context(host, line.flags, line.args);
    if (line.args.length > spec.most)
      throw new UsageError(`Too many arguments for '${spec.name}'`, `Usage: vmc ${spec.name} ${spec.usage}`);
    const run = await spec.load();
    await run(context);
    return 0;
  } catch (error) {
    return report(error, context ?? new Context(host, {}, []));
  } finally {
    context?.close();
  }
}

const named = (name: string) => findCommand(name) as CommandSpec;

async function choose(
  words: readonly string[],
  host: Host,
): Promise<{ spec: CommandSpec; line: CommandLine }> {
  const line = await expandAlias(words, parseCommandLine(words), host);
  if (line.flags.version === true) return { spec: named('version'), line: { ...line, args: [] } };
  if (line.command === undefined) return { spec: named('help'), line: { ...line, args: [] } };
  if (line.flags.help === true) return { spec: named('help'), line: { ...line, args: [line.command] } };
  const spec = findCommand(line.command);
  if (spec === undefined) throw new UsageError(`Unknown command '${line.command}'`, 'See `vmc help`.');
  return { spec, line };
}

/** Puts the words of a user's alias in the place of its name. */
async function expandAlias(words: readonly string[], line: CommandLine, host: Host): Promise<CommandLine> {
  const { command, commandIndex } = line;
  if (command === undefined || findCommand(command) !== undefined) return line;
  const { readAliases } = await import('./config/aliases.ts');
  const expansion = readAliases(new Store(host.env).aliasFile)[command];
  if (expansion === undefined) return line;
  const inner = expansion.split(/\s+/).filter((word) => word !== '');
  return parseCommandLine([...words.slice(0, commandIndex), ...inner, ...words.slice(commandIndex + 1)]);
}

function report(error: unknown, context: Context): number {
  if (!(error instanceof VmcError)) {
    const { message, stack } = error as Error;
    context.ui.error(`vmc failed: ${context.flags.verbose === true ? (stack ?? message) : message}`);
    return 1;
  }
  context.ui.error(error.message);
  if (error.hint !== undefined) context.ui.error(error.hint);
  return error.exitCode;
}
