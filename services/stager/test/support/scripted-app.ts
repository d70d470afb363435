import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipDirectory } from './zips.ts';

/** Zips an app that npm installs without a registry; `preinstall` runs in it, by bash. `files` come along. */
export const zipScripted = async (
  dir: string,
  zip: string,
  preinstall: string,
  files: Readonly<Record<string, string>> = {},
): Promise<void> => {
  const app = join(dir, 'scripted');
  await rm(app, { recursive: true, force: true });
  await mkdir(join(app, 'dep'), { recursive: true });
  const manifest = {
    name: 'scripted',
    version: '1.0.0',
    dependencies: { dep: 'file:./dep' },
    scripts: { preinstall: 'bash ./preinstall' },
  };
  const all = {
    'package.json': JSON.stringify(manifest),
    'dep/package.json': '{"name":"dep","version":"1.0.0"}',
    'server.js': '',
    preinstall,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await writeFile(join(app, name), text);
  await zipDirectory(app, zip);
};
