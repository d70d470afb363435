/** Asks the component's own `/healthz`, as an image's health check. */
import { readFileSync } from 'node:fs';

const { env } = process;
const passwordFile = env.VCAP_CONFIG_FILE_status__password;
const password = passwordFile
  ? readFileSync(passwordFile, 'utf8').trim()
  : (env.VCAP_CONFIG_status__password ?? '');
const credentials = Buffer.from(`${env.VCAP_CONFIG_status__user}:${password}`).toString('base64');
try {
  const { status } = await fetch(`http://127.0.0.1:${env.VCAP_CONFIG_status__port}/healthz`, {
    headers: { authorization: `Basic ${credentials}` },
    signal: AbortSignal.timeout(10_000),
  });
  process.exitCode = status === 200 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
