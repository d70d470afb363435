import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const COST = 16_384;
const KEY_BYTES = 32;
/** Longer passwords are refused: hashing them would be work for nothing. */
export const MAX_PASSWORD_LENGTH = 1024;

function derive(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, { N: cost, r: 8, p: 1 }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** scrypt$<cost>$<salt>$<key>, both base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Takes the same time for an unknown user (`stored` undefined), so that names cannot be probed. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [kind, cost, salt, key] = (stored ?? '').split('$');
  if (kind !== 'scrypt' || !cost || !salt || !key) {
    await derive(password, Buffer.alloc(16), COST);
    return false;
  }
  const expected = Buffer.from(key, 'base64url');
  const actual = await derive(password, Buffer.from(salt, 'base64url'), Number(cost));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
