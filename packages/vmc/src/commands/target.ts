import { getInfo } from '../api/apps.ts';
import { normalizeTarget } from '../config/target.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';

/** `target [url]`: shows the target, or checks and stores another one. */
export async function target(context: Context): Promise<void> {
  const { ui, store, args } = context;
  const [wanted] = args;
  if (wanted === undefined) {
    ui.data({ target: store.target() }, () => `[${store.target()}]`);
    return;
  }
  const url = normalizeTarget(wanted);
  const info = await getInfo(await context.anonymous(url));
  const isController = [info.name, info.build, info.version, info.support].every(Boolean);
  if (!isController)
    throw new VmcError(`${url} does not answer like a cloud controller`, {
      hint: 'Run it again with -t to see its answer.',
    });
  store.setTarget(url);
  ui.data({ target: url }, () => `Successfully targeted to [${url}]`);
  if (context.host.env['VMC_TARGET'] !== undefined)
    ui.warn('VMC_TARGET is set in the environment and goes before the stored target.');
}

/** `targets`: the targets there are tokens for; tokens themselves are not shown. */
export async function targets(context: Context): Promise<void> {
  const { ui, store } = context;
  const known = Object.keys(store.tokens()).sort();
  const current = store.target();
  const rows = known.map((url) => [url, url === current ? 'current' : '']);
  ui.table(
    known.map((url) => ({ target: url, current: url === current })),
    ['Target', ''],
    rows,
    'No targets with a login',
  );
}
