/** Prints docs/messages.md; `--check` compares it with the file and fails when that is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import * as all from './index.ts';
import type { Subject } from './subject.ts';

const file = fileURLToPath(new URL('../../../docs/messages.md', import.meta.url));

function isSubject(value: unknown): value is Subject<unknown> {
  return typeof value === 'object' && value !== null && 'schema' in value && 'publishers' in value;
}

/** The fields of a message as `name`, `name?` for those that may lack. */
function fieldsOf(schema: z.ZodType | undefined): string {
  if (!schema) return '—';
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const shapes = json.anyOf ?? json.oneOf ?? [json];
  const all = new Set(shapes.flatMap((shape) => Object.keys(propertiesOf(shape))));
  const always = (name: string): boolean => shapes.every((shape) => requiredOf(shape).includes(name));
  const names = [...all].map((name) => (always(name) ? `\`${name}\`` : `\`${name}?\``));
  return names.length === 0 ? 'any' : names.join(', ');
}

type Shape = boolean | { properties?: object; required?: string[] };

function propertiesOf(shape: Shape): object {
  return typeof shape === 'boolean' ? {} : (shape.properties ?? {});
}

function requiredOf(shape: Shape): string[] {
  return typeof shape === 'boolean' ? [] : (shape.required ?? []);
}

function section(subject: Subject<unknown>): string {
  const lines = [
    `### \`${subject.name}\``,
    '',
    `- from: ${subject.publishers.join(', ')}`,
    `- to: ${subject.listeners.join(', ')}${subject.queue === undefined ? '' : ` (queue group \`${subject.queue}\`)`}`,
    `- when: ${subject.when}`,
    `- message: ${fieldsOf(subject.schema)}`,
  ];
  if (subject.reply) lines.push(`- reply: ${fieldsOf(subject.reply)}`);
  return lines.join('\n');
}

const subjects = Object.values(all)
  .filter(isSubject)
  .toSorted((a, b) => a.name.localeCompare(b.name));
const text = `# Messages on the bus

Generated from \`packages/bus\` by \`pnpm docs\`; do not edit. \`*\` is one variable word. A field with \`?\` may lack.
Unknown fields are kept. Every message carries the headers \`traceparent\` and \`sender\`.

${subjects.map(section).join('\n\n')}
`;
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('docs/messages.md is stale: run pnpm docs\n');
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
