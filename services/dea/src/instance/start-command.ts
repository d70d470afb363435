import { open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { StartMessage } from '@vcap/bus';

const stagingInfo = z.looseObject({ start_command: z.string().nullish() });
const LARGEST_BYTES = 1024 * 1024;

/** The command of the message, else of the droplet's staging_info.yml; rejects with a text for the user. */
export async function startCommand(message: StartMessage, rootDir: string): Promise<string> {
  if (message.start_command) return message.start_command;
  const command = stagingInfo.safeParse(parse(await readInfo(join(rootDir, 'staging_info.yml'))));
  if (command.success && command.data.start_command) return command.data.start_command;
  throw new Error('missing start command');
}

/** The droplet is a stranger's: the file must be a regular one, of a sane size, and no link. */
async function readInfo(path: string): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined) return '{}';
  try {
    const stat = await file.stat();
    return stat.isFile() && stat.size <= LARGEST_BYTES ? await file.readFile('utf8') : '{}';
  } finally {
    await file.close();
  }
}
