import { randomUUID } from 'node:crypto';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { recordSchema } from '../snapshot-schema.ts';
import type { ContainerRecord } from '../snapshot-schema.ts';
import type { ContainerFiles, Owner } from './owner.ts';

/** Replaces the record in one step. */
export async function writeRecord(files: ContainerFiles, record: ContainerRecord): Promise<void> {
  const draft = `${files.record}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
  await rename(draft, files.record);
}

/** Undefined when there is none, or none that can be read. */
export async function readRecord(files: ContainerFiles): Promise<ContainerRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(files.record, 'utf8')));
  } catch {
    return undefined;
  }
}

/** All records of an owner. */
export async function allRecords(owner: Owner): Promise<ContainerRecord[]> {
  const names = await readdir(owner.stateDir).catch(() => []);
  const records = await Promise.all(names.map((name) => readRecord(owner.files(name))));
  return records.filter((record) => record !== undefined);
}
