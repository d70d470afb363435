/**
 * Makes each secret of the cluster once, in `all` of the directory given; those that are there stay as they are. Each
 * role then finds what it needs, and no more, in the directory of its name.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const top = process.argv[2] ?? '/secrets';
const dir = join(top, 'all');
mkdirSync(dir, { recursive: true });

/** Read by containers with different users on a volume that only this cluster mounts. */
const keep = (name, text) => {
  const path = join(dir, name);
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, text());
    chmodSync(`${path}.new`, 0o444);
    renameSync(`${path}.new`, path);
  }
  return readFileSync(path, 'utf8').trim();
};
// Begins with a letter: as YAML it is never a number.
const secret = (name) => keep(name, () => `s${randomBytes(20).toString('hex')}`);

const route = secret('bus-route-password');
const redis = secret('redis-password');
const database = secret('database-password');
for (const name of [
  'database-root-password',
  'replica-password',
  'services-db-root-password',
  'status-password',
])
  secret(name);
for (const name of ['token-key', 'gateway-token', 'broker-token', 'tunnel-key']) secret(name);
keep('admin-password', () => process.env.VCAP_ADMIN_PASSWORD || `s${randomBytes(9).toString('base64url')}`);

const servers = (process.env.NATS_SERVERS || 'nats-1').split(/[ ,]+/);
const write = (name, text) => {
  writeFileSync(join(dir, name), text);
  chmodSync(join(dir, name), 0o444);
};
/** Each role has a user of its own on the bus, and may do no more than it needs. */
let authorization = readFileSync(process.argv[3] ?? '/authorization.conf', 'utf8');
for (const [, role] of authorization.matchAll(/user: (\S+)/g)) {
  const password = secret(`bus-password-${role}`);
  const variable = `$NATS_PASSWORD_${role.toUpperCase().replaceAll('-', '_')}`;
  authorization = authorization.replace(new RegExp(`\\${variable}\\b`), password);
  const urls = servers.map((host) => `"nats://${role}:${password}@${host}:4222"`);
  write(`mbus-${role}`, `[${urls.join(', ')}]\n`);
}
write(
  'nats.conf',
  `port: 4222
http: 0.0.0.0:8222
max_payload: 8MB
cluster {
  name: vcap
  port: 6222
  authorization { user: route, password: ${route} }
  routes: [${servers.map((host) => `"nats-route://route:${route}@${host}:6222"`).join(', ')}]
}
${authorization}`,
);
write('redis.conf', `dir /data\nrequirepass ${redis}\nappendonly yes\nsave ""\n`);
write('redis-uri', `redis://:${redis}@redis:6379\n`);
write(
  'database-uri',
  `mysql://vcap:${database}@${process.env.VCAP_DATABASE || 'database'}:3306/cloud_controller\n`,
);

const status = 'status-password';
const shares = {
  nats: ['nats.conf'],
  redis: ['redis.conf', 'redis-password'],
  database: ['database-root-password', 'database-password', 'replica-password'],
  'services-database': ['services-db-root-password'],
  'cloud-controller': [
    status,
    'mbus-cloud-controller',
    'database-uri',
    'token-key',
    'admin-password',
    'gateway-token',
    'broker-token',
    'tunnel-key',
  ],
  router: [status, 'mbus-router'],
  stager: [status, 'mbus-stager', 'redis-uri'],
  dea: [status, 'mbus-dea'],
  'health-manager': [status, 'mbus-health-manager'],
  'mysql-gateway': [status, 'mbus-gateway', 'redis-uri', 'gateway-token'],
  'mysql-node': [status, 'mbus-node', 'redis-uri', 'services-db-root-password'],
  'service-broker': [status, 'mbus-gateway', 'broker-token'],
  caldecott: [status, 'mbus-caldecott', 'tunnel-key'],
};
for (const [role, names] of Object.entries(shares)) {
  mkdirSync(join(top, role), { recursive: true });
  for (const name of names) {
    // A component that starts meanwhile reads either the old or the new one.
    const path = join(top, role, name);
    copyFileSync(join(dir, name), `${path}.new`);
    renameSync(`${path}.new`, path);
  }
}
