import { UsageError } from '../errors.ts';

/** Every flag of the command line, after parsing; flags may stand anywhere. */
export interface Flags {
  email?: string;
  passwd?: string;
  tokenFile?: string;
  name?: string;
  bind?: string;
  instance?: string;
  instances?: string;
  url?: string[];
  mem?: string;
  path?: string;
  plan?: string;
  broker?: string;
  runtime?: string;
  framework?: string;
  command?: string;
  manifest?: string;
  proxy?: string;
  port?: string;
  trace?: string;
  debug?: string;
  noStart?: boolean;
  force?: boolean;
  all?: boolean;
  follow?: boolean;
  direct?: boolean;
  transport?: string;
  remove?: boolean;
  lines?: string;
  quiet?: boolean;
  verbose?: boolean;
  noColor?: boolean;
  json?: boolean;
  noPrompt?: boolean;
  prefix?: boolean;
  noResources?: boolean;
  version?: boolean;
  help?: boolean;
}

type Kind = 'text' | 'list' | 'switch' | 'optional' | 'ignored';

interface FlagSpec {
  key?: keyof Flags;
  kind: Kind;
  names: string[];
  /** Name of the value in help, and what the flag is for. */
  value?: string;
  summary?: string;
  /** For `optional`: the value without one, and the words that may follow as a separate argument. */
  implied?: string;
  words?: string[];
}

/** All flags; `ignored` ones are read for old scripts and do nothing. */
export const flagSpecs: readonly FlagSpec[] = [
  { key: 'email', kind: 'text', names: ['--email', '--user'], value: 'EMAIL', summary: 'account' },
  {
    key: 'passwd',
    kind: 'text',
    names: ['--passwd', '--pass', '--password'],
    value: 'PASSWORD',
    summary: 'password (better: VMC_PASSWORD in the environment)',
  },
  { key: 'tokenFile', kind: 'text', names: ['--token-file'], value: 'FILE', summary: 'other token store' },
  { key: 'name', kind: 'text', names: ['--name', '--app'], value: 'NAME', summary: 'application name' },
  { key: 'bind', kind: 'text', names: ['--bind'], value: 'APP', summary: 'bind the new service to APP' },
  {
    key: 'instance',
    kind: 'text',
    names: ['--instance'],
    value: 'N',
    summary: 'one instance (number or id)',
  },
  { key: 'instances', kind: 'text', names: ['--instances'], value: 'N', summary: 'number of instances' },
  { key: 'url', kind: 'list', names: ['--url'], value: 'URL', summary: 'URL; may be given several times' },
  {
    key: 'mem',
    kind: 'text',
    names: ['--mem', '--memory'],
    value: 'MEM',
    summary: 'memory, like 128M or 1G',
  },
  {
    key: 'path',
    kind: 'text',
    names: ['--path'],
    value: 'DIR',
    summary: 'folder of the application; file of an export',
  },
  { key: 'plan', kind: 'text', names: ['--plan'], value: 'NAME', summary: 'plan of a new service' },
  { key: 'broker', kind: 'text', names: ['--broker'], value: 'URL', summary: 'address of a service broker' },
  { key: 'runtime', kind: 'text', names: ['--runtime'], value: 'NAME', summary: 'runtime' },
  { key: 'framework', kind: 'text', names: ['--framework'], value: 'NAME', summary: 'framework' },
  { key: 'command', kind: 'text', names: ['--command'], value: 'CMD', summary: 'start command' },
  { key: 'manifest', kind: 'text', names: ['-m', '--manifest'], value: 'FILE', summary: 'manifest file' },
  {
    key: 'proxy',
    kind: 'text',
    names: ['-u', '--proxy'],
    value: 'EMAIL',
    summary: 'act as that user (admins)',
  },
  { key: 'port', kind: 'text', names: ['--port'], value: 'N', summary: 'local port' },
  {
    key: 'trace',
    kind: 'optional',
    names: ['-t', '--trace'],
    value: 'KEY',
    summary: 'show each exchange with the target',
    implied: '22',
  },
  {
    key: 'debug',
    kind: 'optional',
    names: ['-d', '--debug'],
    value: 'MODE',
    summary: 'start in debug mode',
    implied: 'run',
    words: ['run', 'suspend'],
  },
  { key: 'noStart', kind: 'switch', names: ['--no-start', '--nostart'], summary: 'do not start it' },
  {
    key: 'force',
    kind: 'switch',
    names: ['--force'],
    summary: 'also delete bound services; replace data without asking',
  },
  { key: 'all', kind: 'switch', names: ['--all'], summary: 'all applications, or all instances' },
  { key: 'lines', kind: 'text', names: ['--lines'], value: 'N', summary: 'how many recent log lines' },
  { key: 'follow', kind: 'switch', names: ['-f', '--follow'], summary: 'keep showing new log lines' },
  {
    key: 'direct',
    kind: 'switch',
    names: ['--direct'],
    summary: "tunnel through the target's own endpoint",
  },
  {
    key: 'transport',
    kind: 'text',
    names: ['--transport'],
    value: 'WAY',
    summary: 'bytes of a tunnel go over: auto, websocket or http',
  },
  { key: 'remove', kind: 'switch', names: ['--remove'], summary: 'delete the helper of tunnels' },
  { key: 'quiet', kind: 'switch', names: ['-q', '--quiet'], summary: 'only data and errors' },
  { key: 'verbose', kind: 'switch', names: ['--verbose'], summary: 'more output' },
  { key: 'noColor', kind: 'switch', names: ['--no-color'], summary: 'no colours' },
  { key: 'json', kind: 'switch', names: ['--json'], summary: 'print data as JSON' },
  {
    key: 'noPrompt',
    kind: 'switch',
    names: ['-n', '--no-prompt', '--noprompt', '--non-interactive'],
    summary: 'ask no questions',
  },
  {
    key: 'prefix',
    kind: 'switch',
    names: ['--prefix', '--prefix-logs', '--prefixlogs'],
    summary: 'instance and file before each log line',
  },
  {
    key: 'noResources',
    kind: 'switch',
    names: ['--no-resources', '--noresources'],
    summary: 'upload all files',
  },
  { key: 'version', kind: 'switch', names: ['-v', '--version'], summary: 'version' },
  { key: 'help', kind: 'switch', names: ['-h', '--help', '--options'], summary: 'help' },
  { kind: 'ignored', names: ['--no-zip', '--nozip', '--canary', '--noframework', '--save'] },
];

const byName = new Map(flagSpecs.flatMap((spec) => spec.names.map((name) => [name, spec] as const)));

/** Result of parsing: the command word, its arguments, its flags. */
export interface CommandLine {
  command?: string;
  /** Where the command word stands in the words that were parsed. */
  commandIndex: number;
  args: string[];
  flags: Flags;
}

/**
 * Splits the words of a command line. Words like `-1` and `+2` are arguments, never flags, so that
 * `instances app -1` works. Throws UsageError for an unknown flag or a missing value.
 */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const flags: Flags = {};
  const plain: string[] = [];
  let commandIndex = -1;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') {
      if (commandIndex < 0) commandIndex = i + 1;
      plain.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-' || /^-\d+$/.test(word)) {
      if (commandIndex < 0) commandIndex = i;
      plain.push(word);
      continue;
    }
    i += readFlag(flags, word, words[i + 1]);
  }
  const [command, ...args] = plain;
  return { ...(command === undefined ? {} : { command }), commandIndex, args, flags };
}

/** Stores one flag; answers how many of the following words it used. */
function readFlag(flags: Flags, word: string, next: string | undefined): 0 | 1 {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const inline = equals < 0 ? undefined : word.slice(equals + 1);
  const spec = byName.get(name);
  if (spec === undefined) throw new UsageError(`Unknown flag ${name}`, 'See all flags with `vmc help`.');
  const key = spec.key as string;
  const store = flags as Record<string, unknown>;
  if (spec.kind === 'switch' || spec.kind === 'ignored') {
    if (inline !== undefined) throw new UsageError(`Flag ${name} takes no value`);
    if (spec.kind === 'switch') store[key] = true;
    return 0;
  }
  if (spec.kind === 'optional') {
    const follows = inline === undefined && next !== undefined && (spec.words ?? []).includes(next);
    store[key] = inline ?? (follows ? next : spec.implied);
    return follows ? 1 : 0;
  }
  const value = inline ?? next;
  if (value === undefined) throw new UsageError(`Flag ${name} needs a value`);
  if (spec.kind === 'list') store[key] = [...((store[key] as string[] | undefined) ?? []), value];
  else store[key] = value;
  return inline === undefined ? 1 : 0;
}
