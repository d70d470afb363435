import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Info } from '../api/schemas.ts';
import type { Context } from '../context.ts';
import { bareUrl, defaultUrl } from '../config/target.ts';
import { UsageError, VmcError } from '../errors.ts';
import type { ManifestApp, WantedService } from '../manifest/apps.ts';
import { formatMemory } from '../ui/format.ts';
import { chooseRuntime, detectFramework, frameworkInfo } from './detect.ts';
import type { FrameworkInfo } from './detect.ts';
import { changeInstances, parseMemory } from './memory.ts';
import { scanTree } from './scan.ts';
import type { TreeEntry } from './scan.ts';

/** Everything that is decided about an application before the first change at the target. */
export interface PushPlan {
  name: string;
  root: string;
  entries: TreeEntry[];
  framework: string;
  runtime: string | undefined;
  command: string | undefined;
  uris: string[];
  memoryMb: number;
  instances: number;
  env: string[];
  services: WantedService[];
}

/** Gathers flags, manifest, detection and answers into a plan; flags win over the manifest. */
export async function planPush(
  context: Context,
  info: Info,
  app: ManifestApp | undefined,
  givenName: string | undefined,
): Promise<PushPlan> {
  const { flags, prompt, target } = context;
  const root = await applicationFolder(context, app);
  const name = givenName ?? app?.name ?? (await prompt.ask('Application Name'));
  if (!/^[\w-]+$/.test(name))
    throw new UsageError(`'${name}' is not an application name`, 'Use letters, digits, - and _ only.');
  const framework = await chooseFramework(context, info, app, root);
  const entries = await scanTree(root, { framework: framework.name });
  if (!entries.some((entry) => entry.kind !== 'directory'))
    throw new VmcError(`There is nothing to push in ${root}`, { hint: 'Check --path and .vmcignore.' });
  const standalone = framework.name === 'standalone';
  const command = flags.command ?? app?.command ?? (standalone ? await askCommand(context) : undefined);
  const runtimes = (info.frameworks?.[framework.name]?.runtimes ?? []).map((runtime) => runtime.name);
  const files = entries.map((entry) => entry.path);
  const runtime = flags.runtime ?? app?.runtime ?? (standalone ? chooseRuntime(files, runtimes) : undefined);
  const uris = await chooseUrls(context, app, standalone ? undefined : defaultUrl(name, target));
  const memoryMb = await chooseMemory(context, app, framework);
  const instancesText =
    flags.instances ?? String(app?.instances ?? (await prompt.ask('How many instances?', '1')));
  const instances = changeInstances(instancesText, 0);
  const { env, services } = app ?? { env: [], services: [] };
  return {
    name,
    root,
    entries,
    framework: framework.name,
    runtime,
    command,
    uris,
    memoryMb,
    instances,
    env,
    services,
  };
}

async function applicationFolder(context: Context, app: ManifestApp | undefined): Promise<string> {
  const { flags, host, prompt } = context;
  let path = flags.path ?? app?.path;
  if (path === undefined) {
    const here = await prompt.confirm('Would you like to deploy from the current directory?', true);
    path = here ? '.' : await prompt.ask('Path of the application');
  }
  // The path of the manifest says more than the folder in which it was looked for.
  const root = app !== undefined ? app.path : resolve(host.cwd, path);
  const found = await stat(root).catch(() => undefined);
  if (found === undefined) throw new VmcError(`There is no folder ${root}`, { hint: 'Check --path.' });
  if (!found.isDirectory()) throw new VmcError(`${root} is not a folder`, { hint: 'Give --path a folder.' });
  return root;
}

async function chooseFramework(
  context: Context,
  info: Info,
  app: ManifestApp | undefined,
  root: string,
): Promise<FrameworkInfo> {
  const offered = Object.keys(info.frameworks ?? {});
  const available = (name: string) => offered.length === 0 || offered.includes(name);
  const check = (name: string) => {
    const memoryMb = info.frameworks?.[name]?.memory ?? undefined;
    if (available(name)) return { ...frameworkInfo(name), ...(memoryMb !== undefined && { memoryMb }) };
    throw new VmcError(`The target has no framework '${name}'`, { hint: `It has: ${offered.join(', ')}.` });
  };
  const given = context.flags.framework ?? app?.framework;
  if (given !== undefined) return check(given);
  const found = await detectFramework(root);
  // What the target does not know can still run by a command of its own.
  const hasCommand = (context.flags.command ?? app?.command) !== undefined;
  if (!available(found.name) && hasCommand) return check('standalone');
  const right = await context.prompt.confirm(`Detected a ${found.label}, is this correct?`, true);
  return right ? check(found.name) : check(await context.prompt.ask(`Framework (${offered.join(', ')})`));
}

async function askCommand(context: Context): Promise<string> {
  if (context.flags.noPrompt !== true) return context.prompt.ask('Start Command');
  throw new VmcError('A standalone application needs a start command', {
    hint: "Give it with --command, or as 'command' in manifest.yml.",
  });
}

async function chooseUrls(
  context: Context,
  app: ManifestApp | undefined,
  fallback: string | undefined,
): Promise<string[]> {
  if (context.flags.url !== undefined)
    return context.flags.url.filter((url) => url.toLowerCase() !== 'none').map(bareUrl);
  if (app?.urls !== undefined) return app.urls;
  const answer = await context.prompt.ask('Application Deployed URL', fallback ?? 'None');
  if (/^none$/i.test(answer)) return [];
  return [bareUrl(/^y(es)?$/i.test(answer) && fallback !== undefined ? fallback : answer)];
}

async function chooseMemory(
  context: Context,
  app: ManifestApp | undefined,
  framework: FrameworkInfo,
): Promise<number> {
  if (context.flags.mem !== undefined) return parseMemory(context.flags.mem);
  if (app?.memoryMb !== undefined) return app.memoryMb;
  return parseMemory(await context.prompt.ask('Memory reservation', formatMemory(framework.memoryMb)));
}

/** Throws VmcError when the account has no room; the memory counts only for what is started. */
export function checkCapacity(
  info: Info,
  plan: { memoryMb: number; instances: number },
  start: boolean,
): void {
  const { limits, usage } = info;
  const most = limits?.apps ?? undefined;
  if (most !== undefined && (usage?.apps ?? 0) >= most)
    throw new VmcError(`You have ${usage?.apps ?? 0} of at most ${most} applications`, {
      hint: 'Delete one first: `vmc delete APP`.',
    });
  const memory = limits?.memory ?? undefined;
  if (!start || memory === undefined) return;
  const free = memory - (usage?.memory ?? 0);
  const needed = plan.memoryMb * plan.instances;
  if (needed > free)
    throw new VmcError(
      `Not enough memory: ${formatMemory(needed)} needed, ${formatMemory(Math.max(0, free))} of ${formatMemory(memory)} free`,
      { hint: 'Use less memory (--mem), fewer instances, or stop another application.' },
    );
}
