import { readFile } from 'node:fs/promises';
import { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '@vcap/clock';
import type { S3Config } from '../config.ts';

const connectMs = 3000;
/** How long a secret from a file is used before the file is read again. */
const secretMs = 60_000;

/** The client of one object store. Pauses between tries grow; no try waits for ever. */
export function makeClient(config: S3Config, clock: Clock): S3Client {
  const timeoutMs = config.timeout * 1000;
  return new S3Client({
    region: config.region,
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    forcePathStyle: config.path_style,
    credentials: async () => ({
      accessKeyId: config.access_key_id,
      secretAccessKey: await secretOf(config),
      ...(config.secret_access_key_file === undefined
        ? {}
        : { expiration: new Date(clock.now() + secretMs) }),
    }),
    maxAttempts: config.attempts,
    // Each part is signed with its sha256, which every store checks; the newer checksums only Amazon's knows.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(connectMs, timeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      // A reader may be slow: whoever waits for a byte has a watch of its own.
      socketTimeout: 0,
    },
  });
}

async function secretOf(config: S3Config): Promise<string> {
  if (config.secret_access_key_file === undefined) return config.secret_access_key ?? '';
  return (await readFile(config.secret_access_key_file, 'utf8')).trim();
}
