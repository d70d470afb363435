/**
 * Prints deploy/nats/authorization.conf, one user of the bus per role; `--check` compares it with the file and fails when
 * that is stale. Passwords come from the server's environment.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as all from './index.ts';
import { permissionsOf } from './permissions.ts';
import type { Role, SubjectInfo } from './subject.ts';

const file = fileURLToPath(new URL('../../../deploy/nats/authorization.conf', import.meta.url));
const roles: Role[] = [
  'router',
  'cloud-controller',
  'stager',
  'dea',
  'health-manager',
  'gateway',
  'node',
  'caldecott',
  'collector',
  'tools',
];

function isSubject(value: unknown): value is SubjectInfo {
  return typeof value === 'object' && value !== null && 'publishers' in value && 'when' in value;
}
const subjects = Object.values(all as Record<string, unknown>).filter(isSubject);

function userOf(role: Role): string {
  const { publish, subscribe } = permissionsOf(role, subjects);
  const list = (names: string[]): string => names.map((name) => `\n          "${name}"`).join('');
  return `    {
      user: ${role}
      password: $NATS_PASSWORD_${role.toUpperCase().replaceAll('-', '_')}
      permissions: {
        publish: [${list(publish)}
        ]
        subscribe: [${list(subscribe)}
        ]
        allow_responses: { max: 1000, expires: "20m" }
      }
    }`;
}

const text = `# Generated from packages/bus by \`pnpm docs\`; do not edit. Include it in nats.conf.
# Each component may say and hear what it must, and answer what it is asked.
authorization {
  users: [
${roles.map(userOf).join('\n')}
  ]
}
`;
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('deploy/nats/authorization.conf is stale: run pnpm docs\n');
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
