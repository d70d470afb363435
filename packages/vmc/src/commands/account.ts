import { getInfo } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import { tokenSchema, userSchema } from '../api/schemas.ts';
import type { Context } from '../context.ts';
import { ApiError, VmcError } from '../errors.ts';

const tries = 3;

/** Path of an account, or of something below it. */
export function userPath(email: string, below = ''): string {
  return `/users/${encodeURIComponent(email)}${below}`;
}

/** Password from the flag or the environment; undefined means that it must be asked for. */
export function givenPassword(context: Context): string | undefined {
  return context.flags.passwd ?? context.host.env['VMC_PASSWORD'];
}

/** Asks for a password twice, unless it was given. */
export async function newPassword(context: Context, label: string): Promise<string> {
  const given = givenPassword(context);
  if (given !== undefined) return given;
  const first = await context.prompt.secret(label);
  if ((await context.prompt.secret(`Verify ${label}`)) !== first)
    throw new VmcError('The two passwords are not the same');
  return first;
}

/** Gets a token with a password and stores it. */
export async function logInWith(
  context: Context,
  client: Client,
  email: string,
  password: string,
): Promise<void> {
  const { token } = await client.exchange('POST', userPath(email, '/tokens'), { password }, tokenSchema);
  context.store.setToken(context.target, token);
}

/** `login [email]`: asks up to three times for a password that is typed. */
export async function login(context: Context): Promise<void> {
  const { ui, prompt, flags, args, target } = context;
  const client = await context.anonymous();
  ui.say(`Attempting login to [${target}]`);
  const email = args[0] ?? flags.email ?? (await prompt.ask('Email'));
  const given = givenPassword(context);
  for (let attempt = 1; ; attempt += 1) {
    const password = given ?? (await prompt.secret('Password'));
    try {
      await logInWith(context, client, email, password);
      ui.data({ target, user: email }, () => `Successfully logged into [${target}]`);
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500 || error.code === 202) throw error;
      if (given !== undefined || attempt >= tries)
        throw new VmcError(`Login of ${email} at ${target} refused: ${error.description}`, {
          hint: 'Check the e-mail and the password, or make an account with `vmc add-user`.',
          cause: error,
        });
      ui.warn('Problem with login, invalid account or password.');
    }
  }
}

/** `logout`: forgets the tokens of all targets. */
export async function logout(context: Context): Promise<void> {
  context.store.removeTokens();
  context.ui.say(`Successfully logged out of [${context.target}]`);
}

/** `passwd`: changes one's own password. */
export async function passwd(context: Context): Promise<void> {
  const client = await context.client();
  const email = await currentUser(client);
  context.ui.say(`Changing password for '${email}'`);
  const password = await newPassword(context, 'New Password');
  const document = await client.get(userPath(email), userSchema);
  await context.ui.step('Changing password', () =>
    client.send('PUT', userPath(email), { ...document, password }),
  );
}

/** `user`: who is logged in. */
export async function user(context: Context): Promise<void> {
  const email = await currentUser(await context.client());
  context.ui.data({ user: email }, () => `[${email}]`);
}

async function currentUser(client: Client): Promise<string> {
  const { user: email } = await getInfo(client);
  if (typeof email === 'string' && email !== '') return email;
  throw new VmcError('Not authorized: the target does not accept the stored token', {
    hint: 'Log in again with `vmc login`.',
  });
}
