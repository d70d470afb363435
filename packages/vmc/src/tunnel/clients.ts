import { parse } from 'yaml';
import { z } from 'zod';
import { readText } from '../config/files.ts';
import { VmcError } from '../errors.ts';
import type { ServiceAccess } from './credentials.ts';

/** A local program and how it is called; words are never given to a shell. */
export interface ClientCommand {
  argv: [string, ...string[]];
  env: Record<string, string>;
}

interface Template {
  command: string;
  environment: readonly string[];
}

const H = '--host=127.0.0.1 --port=${port} --user=${user}';
/** The originals' table; passwords go through the environment, where other users do not see them. */
const stock: Record<string, Record<string, Template>> = {
  mysql: {
    // The databases are UTF-8; where no locale is set the program would take the terminal for Latin-1.
    mysql: {
      command: `mysql --protocol=TCP --default-character-set=utf8mb4 ${H} \${name}`,
      environment: ['MYSQL_PWD=${password}'],
    },
    mysqldump: {
      command: `mysqldump --protocol=TCP ${H} --result-file=\${Output file} \${name}`,
      environment: ['MYSQL_PWD=${password}'],
    },
  },
  postgresql: {
    psql: {
      command: 'psql -h 127.0.0.1 -p ${port} -d ${name} -U ${user} -w',
      environment: ['PGPASSWORD=${password}'],
    },
  },
  redis: {
    'redis-cli': {
      command: 'redis-cli -h 127.0.0.1 -p ${port}',
      environment: ['REDISCLI_AUTH=${password}'],
    },
  },
  // Their programs read no password from the environment: they ask for it.
  mongodb: {
    mongo: { command: 'mongo --host 127.0.0.1 --port ${port} -u ${user} -p -- ${name}', environment: [] },
    mongodump: {
      command: 'mongodump --host 127.0.0.1 --port ${port} -u ${user} --db ${name}',
      environment: [],
    },
    mongorestore: {
      command: 'mongorestore --host 127.0.0.1 --port ${port} -u ${user} --db ${name} ${Path of the dump}',
      environment: [],
    },
  },
};

const userFile = z.record(
  z.string(),
  z.record(
    z.string(),
    z.union([
      z.string().transform((command): Template => ({ command, environment: [] })),
      z
        .looseObject({ command: z.string(), environment: z.array(z.string()).nullish() })
        .transform(({ command, environment }): Template => ({ command, environment: environment ?? [] })),
    ]),
  ),
);

/** Clients by name for a vendor: the stock ones, and over them those of the user's own file. */
export function clientsFor(vendor: string, file: string): Record<string, Template> {
  const text = readText(file);
  const own = text === undefined ? {} : readUserFile(file, text);
  const of = (table: Record<string, Record<string, Template>>) =>
    Object.hasOwn(table, vendor) ? table[vendor] : undefined;
  return { ...of(stock), ...of(own) };
}

function readUserFile(file: string, text: string): z.output<typeof userFile> {
  try {
    return userFile.parse(parse(text) ?? {});
  } catch (cause) {
    throw new VmcError(`${file} is not a list of clients`, {
      hint: 'It maps vendor to client to command, or to a map with command and environment.',
      cause,
    });
  }
}

/**
 * Fills a template in. `${host}`, `${port}`, `${user}`, `${password}`, `${name}` and the keys of the credentials are
 * known; any other text is asked. A value never becomes more than one word.
 */
export async function fillClient(
  template: Template,
  access: ServiceAccess,
  localPort: number,
  ask: (question: string) => Promise<string>,
): Promise<ClientCommand> {
  const answers = new Map<string, string>(Object.entries(access.fields));
  const known = { host: '127.0.0.1', port: String(localPort), ...textsOf(access) };
  for (const [key, value] of Object.entries(known)) answers.set(key, value);
  const fill = async (text: string): Promise<string> => {
    let filled = '';
    let at = 0;
    for (const match of text.matchAll(/\$\{([^}]*)\}/g)) {
      const key = (match[1] ?? '').replace(/^ask /, '');
      const value = answers.get(key) ?? (await ask(key));
      answers.set(key, value);
      filled += text.slice(at, match.index) + value;
      at = match.index + match[0].length;
    }
    return filled + text.slice(at);
  };
  const words: string[] = [];
  for (const word of splitWords(template.command)) words.push(await fill(word));
  const env: Record<string, string> = {};
  for (const item of template.environment) {
    const cut = item.indexOf('=');
    if (cut > 0) env[item.slice(0, cut)] = await fill(item.slice(cut + 1));
  }
  const [program, ...rest] = words.filter((word) => word !== '');
  if (program === undefined) throw new VmcError('The command of the client is empty');
  return { argv: [program, ...rest], env };
}

function textsOf({ user, password, name }: ServiceAccess): Record<string, string> {
  return { user: user ?? '', password: password ?? '', name: name ?? '' };
}

/** Words of a command line, with quotes kept together; `${some words}` is one. No shell is involved. */
export function splitWords(command: string): string[] {
  const words = [...command.matchAll(/(?:\$\{[^}]*\}|"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/g,
      (_all, double?: string, single?: string) => double ?? single ?? '',
    ),
  );
  if (words.some((word) => /^[<>|]/.test(word)))
    throw new VmcError(`The client '${command}' needs a shell, which is not used`, {
      hint: 'Use an option such as --result-file=${Output file} instead of > FILE.',
    });
  return words;
}
