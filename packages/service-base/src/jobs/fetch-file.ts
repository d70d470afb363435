import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import { request } from 'undici';
import type { ImportLimits } from './job-data.ts';

/** May a file be fetched from here? Only http(s) and only hosts that the operator listed; 30001. */
export function checkUrl(url: string, allowedHosts: readonly string[]): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new ServiceError(serviceErrors.malformed, 'the URL must be http or https, without credentials');
  }
  const names = [parsed.hostname, hostAndPort(parsed)];
  if (allowedHosts.some((host) => names.includes(host.toLowerCase()))) return parsed;
  throw new ServiceError(
    serviceErrors.malformed,
    `files may not be imported from ${parsed.host}: ask the operator`,
  );
}

/** `name:port` of an address, also where the port goes without saying. */
export function hostAndPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** Fetches into a file, within the limits; each redirect is checked like the first address. */
export async function fetchFile(
  url: string,
  path: string,
  limits: ImportLimits,
  options: { signal: AbortSignal; onBytes: (bytes: number) => void },
): Promise<void> {
  let target = checkUrl(url, limits.allowed_hosts);
  for (let hop = 0; hop <= limits.max_redirects; hop++) {
    const response = await request(target, {
      signal: options.signal,
      headersTimeout: limits.timeout_ms,
      bodyTimeout: limits.timeout_ms,
    }).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ServiceError(serviceErrors.invalidFile, `it cannot be fetched: ${why}`, { cause });
    });
    const { location } = response.headers;
    if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === 'string') {
      discard(response.body);
      target = checkUrl(new URL(location, target).href, limits.allowed_hosts);
      continue;
    }
    if (response.statusCode !== 200) {
      discard(response.body);
      throw new ServiceError(serviceErrors.invalidFile, `${target.host} answered ${response.statusCode}`);
    }
    await pipeline(
      response.body,
      bounded(limits.max_bytes, options.onBytes),
      createWriteStream(path, { flags: 'wx' }),
    );
    return;
  }
  throw new ServiceError(serviceErrors.redirects, `more than ${limits.max_redirects}`);
}

/** Ends a body that nobody reads; that it was ended is no error. */
function discard(body: Readable): void {
  body.on('error', () => undefined);
  body.destroy();
}

/** Passes at most so many bytes; 30804. */
function bounded(maxBytes: number, onBytes: (bytes: number) => void) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new ServiceError(serviceErrors.fileTooLarge, `more than ${maxBytes} bytes`);
      onBytes(bytes);
      yield chunk;
    }
  };
}
