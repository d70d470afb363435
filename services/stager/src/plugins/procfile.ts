import { parse } from 'yaml';
import { z } from 'zod';
import { StagingError } from '../domain/staging-error.ts';
import type { AppFiles } from '../container/app-files.ts';

/**
 * The `web` command of the app's Procfile (a YAML hash), if it has one.
 * @throws StagingError `CompileFailed` when the file is something else
 */
export const procfileCommand = async (files: AppFiles): Promise<string | undefined> => {
  const text = await files.text('Procfile');
  if (text === undefined) return undefined;
  try {
    const { web } = z.looseObject({ web: z.string().optional() }).parse(parse(text) ?? {});
    return web?.trim() || undefined;
  } catch (error) {
    throw new StagingError('CompileFailed', 'the Procfile is not a list of "name: command" lines', {
      cause: error,
    });
  }
};
