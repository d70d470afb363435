import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '@vcap/testkit';

/** Asks the system's own client, so that it has no package to install; a statement comes in the body. */
const server = `
const { execFile } = require('node:child_process');
const [bound] = Object.values(JSON.parse(process.env.VCAP_SERVICES ?? '{}')).flat();
require('node:http').createServer((request, response) => {
  const { host, port, user, password, name } = bound.credentials;
  if (request.url === '/credentials') return response.end(JSON.stringify(bound.credentials));
  const args = ['--no-defaults', '--protocol=TCP', '-h', host, '-P', String(port), '-u', user, '-N', '-B', name];
  const env = { ...process.env, MYSQL_PWD: password };
  const child = execFile('mysql', args, { env, maxBuffer: 1e8 }, (error, out, wrong) => {
    response.statusCode = error ? 500 : 200;
    response.end(error ? wrong || String(error) : out);
  });
  request.pipe(child.stdin).on('error', () => undefined);
}).listen(process.env.PORT);
`;

/** A folder with an application that runs SQL in the database that is bound to it. */
export async function createSqlApp(): Promise<{ path: string; remove: () => Promise<void> }> {
  const dir = await tempDir('vcap-sql-app-');
  await writeFile(join(dir.path, 'server.js'), server);
  return { path: dir.path, remove: async () => dir.remove() };
}
