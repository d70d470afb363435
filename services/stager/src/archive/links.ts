import { StagingError } from '../domain/staging-error.ts';

const MOST_HOPS = 40;

/**
 * Follows `target`, as written in the link at `path`, through the archive's own links.
 * Pure: nothing is on disk yet when it decides. Paths are relative to the archive's top.
 * @throws StagingError `BadArchive` when the way leads out of the tree at any step
 */
export const assertLinkStaysInside = (
  links: ReadonlyMap<string, string>,
  path: string,
  target: string,
): void => {
  const leaves = (): StagingError =>
    new StagingError('BadArchive', `the link ${JSON.stringify(path)} leads out of the application`);
  if (target === '' || target.includes('\0')) {
    throw new StagingError('BadArchive', `the link ${JSON.stringify(path)} has no valid target`);
  }
  if (target.startsWith('/')) throw leaves();
  const here = path.split('/').slice(0, -1);
  const todo = target.split('/');
  for (let hops = 0; todo.length > 0;) {
    const step = todo.shift();
    if (step === undefined || step === '' || step === '.') continue;
    if (step === '..') {
      if (here.pop() === undefined) throw leaves();
      continue;
    }
    here.push(step);
    const next = links.get(here.join('/'));
    if (next === undefined) continue;
    hops += 1;
    // A circle never leaves the tree; it fails when used, as it would on the user's own disk.
    if (hops > MOST_HOPS) return;
    if (next.startsWith('/')) throw leaves();
    here.pop();
    todo.unshift(...next.split('/'));
  }
};
