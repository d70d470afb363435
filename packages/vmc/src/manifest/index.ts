import { resolve } from 'node:path';
import type { Context } from '../context.ts';
import { manifestApps } from './apps.ts';
import type { ManifestApp } from './apps.ts';
import { findManifest, loadManifest } from './load.ts';

/** The applications of the manifest in force, or none when there is no manifest. */
export async function appsInForce(context: Context, name?: string): Promise<ManifestApp[]> {
  const workingDirectory = resolve(context.host.cwd, context.flags.path ?? '.');
  const file = findManifest(
    context.flags.manifest === undefined ? workingDirectory : context.host.cwd,
    context.flags.manifest,
  );
  if (file === undefined) return [];
  const manifest = await loadManifest(file);
  return manifestApps(manifest, {
    // A manifest named with -m is used as if it were called from its own folder.
    workingDirectory: context.flags.manifest === undefined ? workingDirectory : manifest.directory,
    target: context.target,
    ...(name === undefined ? {} : { name }),
  });
}
