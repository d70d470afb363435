import { getInfo } from '../api/apps.ts';
import { runtimesSchema } from '../api/schemas.ts';
import type { Context } from '../context.ts';
import { formatMemory } from '../ui/format.ts';
import { vmcVersion } from '../version.ts';

const used = (label: string, have: unknown, most: unknown) =>
  `  ${label.padEnd(9)} ${String(have)} (of ${String(most)} total)`;

const memory = (megabytes: number | null | undefined) => formatMemory(megabytes ?? 0);

const isolations: Partial<Record<string, string>> = {
  runc: 'containers (runc)',
  process: 'NONE: applications are plain processes and can harm each other',
};

/** `info`: the target, the account and what it uses. */
export async function info(context: Context): Promise<void> {
  const found = await getInfo(await context.anonymous());
  const { isolation, limits, usage } = found;
  context.ui.data(found, () =>
    [
      found.description ?? '',
      ...(found.support && !context.target.startsWith(found.support)
        ? [`For support visit ${found.support}`]
        : []),
      '',
      `Target:   ${context.target} (v${found.version ?? '?'})`,
      `Client:   v${vmcVersion}`,
      ...(isolation ? [`Isolation: ${isolations[isolation] ?? isolation}`] : []),
      '',
      `User:     ${found.user ?? '(not logged in)'}`,
      ...(usage && limits
        ? [
            'Usage:',
            used('Memory', memory(usage.memory), memory(limits.memory)),
            used('Services', usage.services ?? 0, limits.services ?? '-'),
            used('Apps', usage.apps ?? 0, limits.apps ?? '-'),
          ]
        : []),
    ].join('\n'),
  );
}

/** `runtimes`: what applications can run on. */
export async function runtimes(context: Context): Promise<void> {
  const found = await (await context.anonymous()).get('/info/runtimes', runtimesSchema);
  const names = Object.keys(found).sort();
  context.ui.table(
    found,
    ['Name', 'Description', 'Version'],
    names.map((name) => [name, found[name]?.description ?? name, String(found[name]?.version ?? '')]),
    'No runtimes',
  );
}

/** `frameworks`: what kinds of applications the target knows. */
export async function frameworks(context: Context): Promise<void> {
  const found = (await getInfo(await context.client())).frameworks ?? {};
  context.ui.table(
    found,
    ['Name'],
    Object.keys(found)
      .sort()
      .map((name) => [name]),
    'No frameworks',
  );
}
