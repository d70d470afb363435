// Serves the directory it is started in on $PORT. Self-contained: it travels inside the droplet.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.pdf': 'application/pdf',
};

const root = await realpath('.');

/** The path inside the root, or undefined for names that are not served (dot files, bad escapes). */
const relativeName = (url) => {
  try {
    const name = decodeURIComponent(new URL(url, 'http://host').pathname);
    const parts = name.split('/').slice(1);
    const hidden = parts.some((part) => part.startsWith('.') && part !== '.well-known');
    return hidden || name.includes('\0') || name.includes('\\') ? undefined : parts.join('/');
  } catch {
    return undefined;
  }
};

/** Path and facts of a file below the root; links may not lead out of it. */
const find = async (name) => {
  try {
    const path = await realpath(join(root, name));
    if (path !== root && !path.startsWith(root + sep)) return undefined;
    return { path, facts: await stat(path) };
  } catch {
    return undefined;
  }
};

const plain = (response, status, text, headers = {}) => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${text}\n`);
};

const serve = async (request, response) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    plain(response, 405, 'only GET and HEAD', { allow: 'GET, HEAD' });
    return;
  }
  const name = relativeName(request.url);
  let found = name === undefined ? undefined : await find(name);
  if (found?.facts.isDirectory()) {
    const { pathname, search } = new URL(request.url, 'http://host');
    if (!pathname.endsWith('/')) {
      plain(response, 301, 'moved', { location: `${pathname.replace(/^\/+/, '/')}/${search}` });
      return;
    }
    found = await find(join(name, 'index.html'));
  } else if (name?.endsWith('/')) found = undefined;
  if (!found?.facts.isFile()) {
    plain(response, 404, 'not found');
    return;
  }
  const { path, facts } = found;
  const etag = `"${facts.size.toString(16)}-${Math.trunc(facts.mtimeMs).toString(16)}"`;
  const headers = { etag, 'last-modified': facts.mtime.toUTCString() };
  const known = (request.headers['if-none-match'] ?? '')
    .split(/\s*,\s*/)
    .map((tag) => tag.replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) {
    response.writeHead(304, headers).end();
    return;
  }
  const type = TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream';
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': facts.size });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(path)
      .on('error', () => response.destroy())
      .pipe(response);
};

const server = createServer((request, response) => {
  serve(request, response).catch(() =>
    response.headersSent ? response.destroy() : plain(response, 500, 'error'),
  );
});
server.listen(Number(process.env.PORT), '0.0.0.0', () =>
  console.log(`serving files on port ${process.env.PORT}`),
);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
