import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bucketHasData, restoreBucket, saveBucket } from './bucket.ts';
import { filesHaveData, restoreFiles, saveFiles } from './files.ts';
import { digestOf, manifestName, verifiedManifest } from './manifest.ts';
import type { Manifest, Part } from './manifest.ts';
import { mysqlHasData, restoreMysql, saveMysql } from './mysql.ts';
import { fileOf, kindOf } from './places.ts';
import type { Place } from './places.ts';
import { restoreSqlite, saveSqlite, sqliteHasData } from './sqlite.ts';

/**
 * Saves all places into a new directory that only its owner reads, while the platform runs. Its manifest is written last.
 * Throws when the directory holds something already, or a place cannot be read.
 */
export async function backup(
  places: readonly Place[],
  dir: string,
  now: Date,
  say: (line: string) => void,
): Promise<Manifest> {
  if (places.length === 0) throw new Error('nothing to save: name at least one configuration file');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0) throw new Error(`${dir} is not empty`);
  const parts: Part[] = [];
  for (const place of places) {
    const { name } = place;
    const kind = kindOf(place);
    const file = fileOf(place);
    await save(place, join(dir, file));
    const digest = await digestOf(join(dir, file));
    parts.push({ name, kind, file, ...digest });
    say(`${name}: ${digest.bytes} bytes`);
  }
  const manifest: Manifest = { version: 1, made: now.toISOString(), parts };
  const path = join(dir, manifestName);
  await writeFile(`${path}.new`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return manifest;
}

async function save(place: Place, to: string): Promise<void> {
  if (place.kind === 'sqlite') return saveSqlite(place.path, to);
  if (place.kind === 'files') return saveFiles(place.path, to);
  if (place.kind === 'bucket') return saveBucket(place.s3, to);
  return saveMysql(place, to);
}

/**
 * Puts back what a backup has of the places. First everything is looked at: the backup is whole, has every place, and no
 * place holds data, unless `force`. The components of the places must be stopped.
 */
export async function restore(
  places: readonly Place[],
  dir: string,
  force: boolean,
  say: (line: string) => void,
): Promise<void> {
  const { made, parts } = await verifiedManifest(dir);
  const steps = places.map((place) => {
    const part = parts.find(({ kind, name }) => kind === kindOf(place) && name === place.name);
    if (!part) throw new Error(`the backup of ${made} has no ${kindOf(place)} ${place.name}`);
    return { place, part };
  });
  if (!force)
    for (const { place } of steps)
      if (await hasData(place))
        throw new Error(`${place.name} holds data: with --force it is replaced by the backup of ${made}`);
  for (const { part, place } of steps) {
    const from = join(dir, part.file);
    if (place.kind === 'sqlite') await restoreSqlite(from, place.path);
    else if (place.kind === 'files') await restoreFiles(from, place.path);
    else if (place.kind === 'bucket') await restoreBucket(from, place.s3);
    else await restoreMysql(place, from);
    say(`${place.name}: ${part.bytes} bytes of ${made}`);
  }
}

async function hasData(place: Place): Promise<boolean> {
  if (place.kind === 'sqlite') return sqliteHasData(place.path);
  if (place.kind === 'bucket') return bucketHasData(place.s3);
  return place.kind === 'files' ? filesHaveData(place.path) : mysqlHasData(place);
}
