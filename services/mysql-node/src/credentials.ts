import type { Credentials } from '@vcap/service-base';
import { badData } from './domain/errors.ts';
import { isInstanceName, isUserName, newInstanceName, newPassword, newUserName } from './domain/names.ts';
import { textOf } from './instance-data.ts';
import type { ManagedServer } from './server/servers.ts';
import { isPassword } from './sql/quote.ts';

/**
 * What an application gets (services.md §5.4): the originals' fields, `uri`, and with TLS the certificates to check the
 * server's against. Given user and password are kept; anything outside the names' alphabets is refused.
 */
export function makeCredentials(
  server: ManagedServer,
  name: string | undefined,
  given: Credentials | undefined,
): Credentials {
  const own = name ?? newInstanceName();
  if (!isInstanceName(own)) throw badData('the name of the instance');
  const user = given ? textOf(given, 'username', 'user') : newUserName();
  const password = given ? textOf(given, 'password') : newPassword();
  if (!isUserName(user)) throw badData('the user name');
  if (!isPassword(password)) throw badData('the password');
  const { publicHost: host, publicPort: port, ca } = server;
  return {
    name: own,
    hostname: host,
    host,
    port,
    user,
    username: user,
    password,
    uri: `mysql://${user}:${password}@${host.includes(':') ? `[${host}]` : host}:${port}/${own}`,
    ...(ca === undefined ? {} : { tls: true, ca_certificate: ca }),
  };
}
