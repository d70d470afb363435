import { appPath, listApps } from '../api/apps.ts';
import { usersSchema } from '../api/schemas.ts';
import { deleteService, listServices } from '../api/services.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';
import { logInWith, newPassword, userPath } from './account.ts';

/** `users`: all accounts (admins only). */
export async function users(context: Context): Promise<void> {
  const found = await (await context.client()).get('/users', usersSchema);
  found.sort((a, b) => (a.email < b.email ? -1 : 1));
  context.ui.table(
    found,
    ['Email', 'Admin', 'Apps'],
    found.map((entry) => [
      entry.email,
      String(entry.admin ?? false),
      (entry.apps ?? []).map((app) => app.name).join(', '),
    ]),
    'No users',
  );
}

/** `add-user [email]`: makes an account, and logs in when no one is logged in. */
export async function addUser(context: Context): Promise<void> {
  const { ui, prompt, flags, args, store, target } = context;
  const client = await context.anonymous();
  const email = args[0] ?? flags.email ?? (await prompt.ask('Email'));
  const password = await newPassword(context, 'Password');
  await ui.step('Creating New User', () => client.send('POST', '/users', { email, password }));
  if (store.token(target) !== undefined) return;
  await logInWith(context, client, email, password);
  ui.say(`Successfully logged into [${target}]`);
}

/** `delete-user email`: deletes an account with its applications and services (admins only). */
export async function deleteUser(context: Context): Promise<void> {
  const { ui, prompt } = context;
  const email = context.required(0, 'The e-mail of the user');
  const client = await context.client();
  const asUser = client.with({ proxyUser: email });
  const apps = await listApps(asUser);
  const sure = await prompt.confirm(`Delete user '${email}' with ${apps.length} application(s)?`, true);
  if (!sure) throw new VmcError('Nothing was deleted');
  for (const app of apps)
    await ui.step(`Deleting application [${app.name}]`, () => asUser.send('DELETE', appPath(app.name)));
  for (const service of await listServices(asUser))
    await ui.step(`Deleting service [${service.name}]`, () => deleteService(asUser, service.name));
  await ui.step(`Deleting User '${email}'`, () => client.send('DELETE', userPath(email)));
}
