import type { Command } from '../context.ts';

/** One command: how it is called, what it does, and the module it is loaded from when it is used. */
export interface CommandSpec {
  name: string;
  aliases: readonly string[];
  usage: string;
  summary: string;
  group: string;
  /** Most arguments it takes. */
  most: number;
  load: () => Promise<Command>;
}

function command(
  group: string,
  words: string,
  usage: string,
  summary: string,
  most: number,
  load: () => Promise<Command>,
): CommandSpec {
  const [name = '', ...aliases] = words.split(' ');
  return { name, aliases, usage, summary, group, most, load };
}

const target = () => import('../commands/target.ts');
const info = () => import('../commands/info.ts');
const account = () => import('../commands/account.ts');
const users = () => import('../commands/users.ts');
const push = () => import('../commands/push.ts');
const lifecycle = () => import('../commands/lifecycle.ts');
const settings = () => import('../commands/settings.ts');
const instances = () => import('../commands/instances.ts');
const crashes = () => import('../commands/crashes.ts');
const services = () => import('../commands/services.ts');
const snapshots = () => import('../commands/snapshots.ts');
const transfer = () => import('../commands/transfer.ts');
const brokers = () => import('../commands/brokers.ts');
const aliases = () => import('../commands/aliases.ts');
const about = () => import('../commands/about.ts');

const start = 'Getting Started';
const apps = 'Applications';
const running = 'Instances and Logs';
const service = 'Services';
const admin = 'Administration';
const own = 'Configuration';

/** All commands, in the order of the help text. */
export const commands: readonly CommandSpec[] = [
  command(start, 'target', '[url]', 'Show or set the target', 1, async () => (await target()).target),
  command(start, 'targets tokens', '', 'Targets with a login', 0, async () => (await target()).targets),
  command(start, 'info', '', 'Target, account and usage', 0, async () => (await info()).info),
  command(start, 'login', '[email]', 'Log in', 1, async () => (await account()).login),
  command(start, 'logout', '', 'Forget all logins', 0, async () => (await account()).logout),
  command(start, 'passwd', '', 'Change your password', 0, async () => (await account()).passwd),
  command(start, 'user', '', 'Show who is logged in', 0, async () => (await account()).user),
  command(start, 'runtimes', '', 'Runtimes of the target', 0, async () => (await info()).runtimes),
  command(start, 'frameworks', '', 'Frameworks of the target', 0, async () => (await info()).frameworks),
  command(
    apps,
    'apps list',
    '',
    'List applications',
    0,
    async () => (await import('../commands/apps.ts')).apps,
  ),
  command(
    apps,
    'push',
    '[app]',
    'Create, upload and start an application',
    1,
    async () => (await push()).push,
  ),
  command(apps, 'update', '[app]', 'Upload new files and restart', 1, async () => (await push()).update),
  command(apps, 'start', '[app]', 'Start', 1, async () => (await lifecycle()).start),
  command(apps, 'stop', '[app]', 'Stop', 1, async () => (await lifecycle()).stop),
  command(apps, 'restart', '[app]', 'Stop and start', 1, async () => (await lifecycle()).restart),
  command(
    apps,
    'delete',
    '<app> | --all',
    'Delete one application or all',
    1,
    async () => (await import('../commands/delete.ts')).deleteApps,
  ),
  command(apps, 'mem', '<app> [size]', 'Show or set the memory', 2, async () => (await settings()).mem),
  command(apps, 'map', '<app> <url>', 'Map a URL', 2, async () => (await settings()).map),
  command(apps, 'unmap', '<app> <url>', 'Unmap a URL', 2, async () => (await settings()).unmap),
  command(apps, 'env', '<app>', 'List environment variables', 1, async () => (await settings()).env),
  command(
    apps,
    'env-add env_add',
    '<app> <name=value>',
    'Set an environment variable',
    3,
    async () => (await settings()).envAdd,
  ),
  command(
    apps,
    'env-del env_del',
    '<app> <name>',
    'Remove an environment variable',
    2,
    async () => (await settings()).envDel,
  ),
  command(
    running,
    'instances scale',
    '<app> [N|+N|-N]',
    'List instances, or change their number',
    2,
    async () => (await instances()).instances,
  ),
  command(running, 'stats', '<app>', 'What each instance uses', 1, async () => (await instances()).stats),
  command(running, 'crashes', '<app>', 'Recent crashes', 1, async () => (await crashes()).crashes),
  command(running, 'crashlogs', '<app>', 'Logs of a crash', 1, async () => (await crashes()).crashlogs),
  command(
    running,
    'logs',
    '<app> [--follow]',
    'Recent log lines of all instances (files with --instance or --all)',
    1,
    async () => (await import('../commands/logs.ts')).logs,
  ),
  command(
    running,
    'files',
    '<app> [path]',
    'List a folder or show a file',
    2,
    async () => (await import('../commands/files.ts')).files,
  ),
  command(service, 'services', '', 'Offered and own services', 0, async () => (await services()).services),
  command(
    service,
    'create-service create_service',
    '[service] [name] [app]',
    'Create a service',
    3,
    async () => (await services()).createServiceCommand,
  ),
  command(
    service,
    'delete-service delete_service',
    '[name]',
    'Delete a service',
    1,
    async () => (await services()).deleteServiceCommand,
  ),
  command(
    service,
    'bind-service bind_service',
    '<service> <app>',
    'Bind a service',
    2,
    async () => (await services()).bindService,
  ),
  command(
    service,
    'unbind-service unbind_service',
    '<service> <app>',
    'Unbind a service',
    2,
    async () => (await services()).unbindService,
  ),
  command(
    service,
    'clone-services clone_services',
    '<from> <to>',
    'Bind the services of one application to another',
    2,
    async () => (await services()).cloneServices,
  ),
  command(service, 'snapshots', '<service>', 'List snapshots', 1, async () => (await snapshots()).snapshots),
  command(
    service,
    'create-snapshot create_snapshot',
    '<service> [name]',
    'Take a snapshot of the data',
    2,
    async () => (await snapshots()).createSnapshot,
  ),
  command(
    service,
    'rollback-snapshot rollback_snapshot',
    '<service> [snapshot]',
    'Go back to the data of a snapshot',
    2,
    async () => (await snapshots()).rollbackSnapshot,
  ),
  command(
    service,
    'delete-snapshot delete_snapshot',
    '<service> [snapshot]',
    'Delete a snapshot',
    2,
    async () => (await snapshots()).deleteSnapshot,
  ),
  command(
    service,
    'export-service export_service',
    '<service> [snapshot]',
    'Make a file of the data (--path FILE)',
    2,
    async () => (await transfer()).exportService,
  ),
  command(
    service,
    'import-service import_service',
    '<service> <url|file>',
    'Take data over from such a file',
    2,
    async () => (await transfer()).importService,
  ),
  command(
    service,
    'tunnel',
    '[service] [client]',
    'Reach a service from this machine (--direct, --port N, --transport WAY, --remove)',
    2,
    async () => (await import('../commands/tunnel.ts')).tunnel,
  ),
  command(
    admin,
    'register-service register_service',
    '<file>',
    'Offer a service through a broker (--broker)',
    1,
    async () => (await brokers()).registerService,
  ),
  command(
    admin,
    'unregister-service unregister_service',
    '<label>',
    'Take it back',
    1,
    async () => (await brokers()).unregisterService,
  ),
  command(admin, 'users', '', 'List all users', 0, async () => (await users()).users),
  command(
    admin,
    'add-user add_user create-user create_user register',
    '[email]',
    'Make an account',
    1,
    async () => (await users()).addUser,
  ),
  command(
    admin,
    'delete-user delete_user unregister',
    '<email>',
    'Delete an account and all it has',
    1,
    async () => (await users()).deleteUser,
  ),
  command(own, 'aliases', '', 'List aliases', 0, async () => (await aliases()).aliases),
  command(own, 'alias', '<name=command>', 'Make an alias', 20, async () => (await aliases()).alias),
  command(own, 'unalias', '<name>', 'Remove an alias', 1, async () => (await aliases()).unalias),
  command(own, 'version', '', 'Version of vmc', 0, async () => (await about()).version),
  command(own, 'help usage', '[command]', 'Help', 1, async () => (await about()).help),
  command(own, 'completion', 'bash|zsh', 'Completion script', 1, async () => (await about()).completion),
];

/** The command of this name or alias. */
export function findCommand(word: string): CommandSpec | undefined {
  return commands.find((spec) => spec.name === word || spec.aliases.includes(word));
}
