import { UsageError } from '../errors.ts';

/** A target as it is stored: scheme added, trailing slashes cut. Throws UsageError if it is no URL. */
export function normalizeTarget(text: string): string {
  const withScheme = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  try {
    return new URL(withScheme).href.replace(/\/+$/, '');
  } catch {
    throw new UsageError(`'${text}' is not a target URL`, 'Use for example `vmc target api.example.com`.');
  }
}

/** Host of the target without its first label and port: the domain of the applications. */
export function targetBase(target: string): string {
  return new URL(target).hostname.split('.').slice(1).join('.') || new URL(target).hostname;
}

/** Host an application gets when no URL was given. */
export function defaultUrl(name: string, target: string): string {
  return `${name.toLowerCase()}.${targetBase(target)}`;
}

/** A mapped URL as the controller stores it: no scheme, no port, no trailing slash, lower case. */
export function bareUrl(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/^([^/:]+):\d+/, '$1');
}

/** What to open in a browser: scheme and port of the target for its own domain, else plain http. */
export function browserUrl(uri: string, target: string): string {
  const { protocol, port } = new URL(target);
  if (!uri.endsWith(`.${targetBase(target)}`)) return `http://${uri}`;
  return `${protocol}//${uri}${port === '' ? '' : `:${port}`}`;
}
