import type { IncomingMessage } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import type { Client } from './client.ts';
import { appSchema, crashesSchema, infoSchema, instancesSchema, statsSchema } from './schemas.ts';
import type { AppDocument, Crash, Info } from './schemas.ts';

const longestStagingMs = 15 * 60_000;

/** Path of an application, or of something below it. */
export function appPath(name: string, below = ''): string {
  return `/apps/${encodeURIComponent(name)}${below}`;
}

export const getInfo = (client: Client): Promise<Info> => client.get('/info', infoSchema);

export const listApps = (client: Client): Promise<AppDocument[]> => client.get('/apps', z.array(appSchema));

export const getApp = (client: Client, name: string): Promise<AppDocument> =>
  client.get(appPath(name), appSchema);

/** The application, or undefined when there is none of that name. */
export async function findApp(client: Client, name: string): Promise<AppDocument | undefined> {
  try {
    return await getApp(client, name);
  } catch (error) {
    if (error instanceof ApiError && error.notFound) return undefined;
    throw error;
  }
}

/**
 * Writes the whole document back with some members changed. The controller unbinds services that are left
 * out, so a partial document is never sent. The call may last as long as staging does.
 */
export async function putApp(client: Client, app: AppDocument, change: Partial<AppDocument>): Promise<void> {
  const { runningInstances: _, ...document } = app;
  await client.send('PUT', appPath(app.name), { ...document, ...change }, { idleMs: longestStagingMs });
}

/** Runs the newest files in place of what runs. The call may last as long as staging does. */
export async function restartNow(client: Client, name: string): Promise<void> {
  await client.send('PUT', appPath(name, '/update'), {}, { idleMs: longestStagingMs });
}

export async function listCrashes(client: Client, name: string): Promise<Crash[]> {
  return (await client.get(appPath(name, '/crashes'), crashesSchema)).crashes;
}

export async function listInstances(
  client: Client,
  name: string,
): Promise<z.infer<typeof instancesSchema>['instances']> {
  return (await client.get(appPath(name, '/instances'), instancesSchema)).instances;
}

export const getStats = (client: Client, name: string): Promise<z.infer<typeof statsSchema>> =>
  client.get(appPath(name, '/stats'), statsSchema);

/** A file or directory listing of an instance, given by number or id; `from` asks for the bytes from there. */
export async function openFile(
  client: Client,
  name: string,
  instance: string,
  path: string,
  from?: number,
): Promise<IncomingMessage> {
  const inside = path
    .replace(/^\/+/, '')
    .split('/')
    .map((segment) => encodeURIComponent(segment))
    .join('/');
  return client.call({
    method: 'GET',
    path: appPath(name, `/instances/${encodeURIComponent(instance)}/files/${inside}`),
    headers: { Accept: '*/*', ...(from === undefined ? {} : { Range: `bytes=${from}-` }) },
  });
}

/** The whole text of a file, or undefined when it cannot be had. */
export async function readFileText(
  client: Client,
  name: string,
  instance: string,
  path: string,
): Promise<string | undefined> {
  try {
    return await readAll(await openFile(client, name, instance, path));
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
