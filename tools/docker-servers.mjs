/** Servers that a machine lacks, out of Docker images: a command for each that runs it in a container. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Command to the image that has it. The first of an image's commands is the server itself. */
const images = {
  'nats-server': process.env.NATS_IMAGE ?? 'nats:2',
  'redis-server': process.env.REDIS_IMAGE ?? 'redis:7',
  mariadbd: process.env.MARIADB_IMAGE ?? 'mariadb:10.11',
  'mariadb-install-db': process.env.MARIADB_IMAGE ?? 'mariadb:10.11',
  mariadb: process.env.MARIADB_IMAGE ?? 'mariadb:10.11',
  'mariadb-dump': process.env.MARIADB_IMAGE ?? 'mariadb:10.11',
};
const servers = new Set(['nats-server', 'redis-server', 'mariadbd']);
/** What comes with a server and is not on PATH where the server is not. */
const withServer = { mariadbd: ['mariadb-install-db', 'mariadb', 'mariadb-dump'] };

const docker = (args, stdio = 'ignore') => spawnSync('docker', args, { stdio }).status === 0;
const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Writes a command for each of the missing servers to `dir` and fetches their images. False where there is no Docker, it
 * is not Linux (these containers use the host's network), or an image cannot be had.
 */
export function wrapServers(missing, { dir, root }) {
  if (process.platform !== 'linux' || !docker(['version'])) return false;
  mkdirSync(dir, { recursive: true });
  for (const command of missing.flatMap((name) => [name, ...(withServer[name] ?? [])])) {
    const image = images[command];
    if (!docker(['image', 'inspect', image])) {
      console.error(`Fetching the image ${image} for ${command}...`);
      if (!docker(['pull', '--quiet', image], 'inherit')) return false;
    }
    const file = join(dir, command);
    writeFileSync(file, script(command, image, root));
    chmodSync(file, 0o755);
  }
  return true;
}

/**
 * A server's container has a name made of its arguments, so that one whose client was killed is taken away by the next
 * start. Files are seen under their own paths, as this user, who has a name there too.
 */
function script(command, image, root) {
  const folders = [root, tmpdir(), resolve(process.env.VCAP_HOME ?? join(root, '.vcap'))];
  const named = servers.has(command)
    ? `name="vcap-$(printf '%s ' ${quoted(command)} "$@" | cksum | cut -d' ' -f1)"
docker rm --force "$name" >/dev/null 2>&1
set -- --name "$name" --entrypoint ${quoted(command)} ${quoted(image)} "$@"
`
    : `set -- --entrypoint ${quoted(command)} ${quoted(image)} "$@"\n`;
  return `#!/bin/sh
# Written by tools/docker-servers.mjs.
${named}exec docker run --rm --interactive --init --network host --user "$(id -u):$(id -g)" \\
  --volume /etc/passwd:/etc/passwd:ro \\
  ${[...new Set(folders)].map((folder) => `--volume ${quoted(`${folder}:${folder}`)}`).join(' ')} \\
  "$@"
`;
}
