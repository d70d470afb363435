import { completionScript } from '../cli/completion.ts';
import { commandHelp, overview } from '../cli/help.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { findCommand } from '../cli/commands.ts';
import { vmcVersion } from '../version.ts';

/** `version` */
export async function version(context: Context): Promise<void> {
  context.ui.data({ version: vmcVersion }, () => `vmc ${vmcVersion}`);
}

/** `help [command]` */
export async function help(context: Context): Promise<void> {
  const [word] = context.args;
  if (word === undefined) return context.ui.print(overview());
  const spec = findCommand(word);
  if (spec === undefined) throw new UsageError(`There is no command '${word}'`, 'See `vmc help`.');
  context.ui.print(commandHelp(spec));
}

/** `completion bash` or `completion zsh`: a script to source. */
export async function completion(context: Context): Promise<void> {
  context.ui.print(completionScript(context.args[0] ?? 'bash'));
}
