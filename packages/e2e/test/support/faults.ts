import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { waitFor } from '@vcap/testkit';
import type { Platform } from './platform.ts';
import { isAlive, processesOf, signal } from './processes.ts';
import type { ProcessIdentity } from './processes.ts';

/** The components of a cluster that run now, by name. */
export async function components(platform: Platform): Promise<Map<string, ProcessIdentity>> {
  const { children } = JSON.parse(await readFile(join(platform.home, 'run.json'), 'utf8')) as {
    children: ProcessIdentity[];
  };
  return new Map(children.filter(isAlive).map((child) => [child.name, child]));
}

/** The process of one component. */
export async function component(platform: Platform, name: string): Promise<ProcessIdentity> {
  const found = (await components(platform)).get(name);
  if (!found) throw new Error(`${name} does not run`);
  return found;
}

/** Ends a component as the kernel or a power cut would; answers the process that was. */
export async function kill(platform: Platform, name: string): Promise<ProcessIdentity> {
  const victim = await component(platform, name);
  if (!signal(victim, 'SIGKILL')) throw new Error(`${name} was gone already`);
  await waitFor(() => !isAlive(victim));
  return victim;
}

/** Waits until the cluster has started a component again. */
export function isBack(platform: Platform, victim: ProcessIdentity): Promise<ProcessIdentity> {
  return waitFor(
    async () => {
      const now = (await components(platform)).get(victim.name);
      return now && now.pid !== victim.pid && now;
    },
    { timeoutMs: 30_000, what: `${victim.name} to be started again` },
  );
}

/** Stops a component where it stands until `thaw` is called, which may be called twice. */
export async function freeze(platform: Platform, name: string): Promise<{ thaw: () => void }> {
  const victim = await component(platform, name);
  if (!signal(victim, 'SIGSTOP')) throw new Error(`${name} is gone`);
  return { thaw: () => void signal(victim, 'SIGCONT') };
}

/** Processes of applications: Node programs that run in an instance's directory. */
export function applications(platform: Platform, dea = ''): ProcessIdentity[] {
  return processesOf(join(platform.home, dea)).filter(({ name }) =>
    /^(\S*\/)?node (server|slow)\.js/.test(name),
  );
}

/** What work in progress left on the disk: half-written blobs and uploads, workspaces of stagings. */
export async function leftovers(platform: Platform): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ['tmp', 'blobs/tmp', 'stager-0']) {
    for (const name of await readdir(join(platform.home, folder)).catch(() => []))
      if (folder !== 'stager-0' || (await isInUse(join(platform.home, folder, name))))
        names.push(`${folder}/${name}`);
  }
  for (const entry of await readdir(platform.home, { recursive: true }).catch(() => []))
    if (/\.(pending|tmp|partial|new)$/.test(entry)) names.push(entry);
  return names;
}

/** Whether it is the workspace of a staging: one that was made ahead has no application in it yet. */
async function isInUse(path: string): Promise<boolean> {
  if (!basename(path).startsWith('task-')) return false;
  const app = await readdir(join(path, 'top/app')).catch(() => undefined);
  return app === undefined || app.length > 0;
}

/** What came of asking steadily. */
export interface Asked {
  calls: number;
  failures: string[];
}

const MOST_FAILURES = 20;

/** Asks an application without pause while `work` is done; answers how many calls there were and what went wrong. */
export async function askDuring(
  platform: Platform,
  app: string,
  work: () => Promise<unknown>,
): Promise<Asked> {
  const ending = new AbortController();
  const asked: Asked = { calls: 0, failures: [] };
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted && asked.failures.length < MOST_FAILURES) {
      asked.calls += 1;
      const began = performance.now();
      const wrong = await platform.get(app, app === 'api' ? '/info' : '/').then(
        ({ status, body }) => (status === 200 ? undefined : `${status} ${body.slice(0, 100)}`),
        (error: unknown) => String(error),
      );
      if (wrong !== undefined)
        asked.failures.push(
          `call ${asked.calls}: ${wrong} after ${Math.round(performance.now() - began)} ms`,
        );
      // Room for everything else that happens on this one processor.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const asking = run();
  try {
    await work();
  } finally {
    ending.abort();
    await asking;
  }
  return asked;
}
