import { commands } from './commands.ts';
import type { CommandSpec } from './commands.ts';
import { flagSpecs } from './flags.ts';

/** All commands and flags. */
export function overview(): string {
  const lines = ['Usage: vmc [flags] command [arguments] [flags]', ''];
  for (const group of new Set(commands.map((spec) => spec.group))) {
    lines.push(group);
    for (const spec of commands.filter((entry) => entry.group === group))
      lines.push(`  ${`${spec.name} ${spec.usage}`.padEnd(42)} ${spec.summary}`);
    lines.push('');
  }
  return `${[...lines, 'Flags', ...flagLines()].join('\n')}\n`;
}

/** One command, and the flags. */
export function commandHelp(spec: CommandSpec): string {
  const also = spec.aliases.length > 0 ? [`Also called: ${spec.aliases.join(', ')}`] : [];
  return `${[`Usage: vmc ${spec.name} ${spec.usage}`.trim(), '', spec.summary, ...also, '', 'Flags', ...flagLines()].join('\n')}\n`;
}

function flagLines(): string[] {
  return flagSpecs
    .filter((spec) => spec.kind !== 'ignored')
    .map((spec) => {
      const value =
        spec.value === undefined ? '' : spec.kind === 'optional' ? `[=${spec.value}]` : ` ${spec.value}`;
      return `  ${(spec.names.slice(0, 2).join(', ') + value).padEnd(42)} ${spec.summary ?? ''}`;
    });
}
