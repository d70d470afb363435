import { UsageError } from '../errors.ts';

/** Memory setting in megabytes: `512`, `512M`, `2G`, `1.5G`. Throws UsageError for anything else. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([mg])?b?$/i.exec(text.trim());
  const megabytes = Number(match?.[1]) * (match?.[2]?.toLowerCase() === 'g' ? 1024 : 1);
  if (!Number.isInteger(megabytes) || megabytes < 1)
    throw new UsageError(`'${text}' is not a memory size`, 'Use for example 128M or 1G.');
  return megabytes;
}

/** Number of instances after `N`, `+N` or `-N`. Throws UsageError below 1 or for no number. */
export function changeInstances(text: string, current: number): number {
  const match = /^([+-]?)(\d+)$/.exec(text.trim());
  if (match === null) throw new UsageError(`'${text}' is not a number of instances`, 'Use N, +N or -N.');
  const amount = Number(match[2]);
  const wanted = match[1] === '+' ? current + amount : match[1] === '-' ? current - amount : amount;
  if (wanted < 1)
    throw new UsageError('There must be at least 1 instance', 'To have none, stop it: `vmc stop APP`.');
  return wanted;
}
