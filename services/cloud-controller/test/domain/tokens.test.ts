import { expect, test } from '@jest/globals';
import { hashPassword, verifyPassword } from '../../src/domain/passwords.ts';
import { TokenSigner } from '../../src/domain/tokens.ts';

const signer = new TokenSigner('some key of some length');
const claims = { userGuid: 'guid', email: 'ann@test.dev', passwordEpoch: 3, expiresAt: 1000 };

test('a token tells its claims until it expires, to everyone with the key', () => {
  const token = signer.sign(claims);
  expect(new TokenSigner('some key of some length').read(token, 999)).toEqual(claims);
  expect(signer.read(token, 1000)).toBeUndefined();
});

test('a token of another key, a changed one and nonsense tell nothing', () => {
  const token = signer.sign(claims);
  const [body = '', mac = ''] = token.split('.');
  const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replace('ann@', 'bob@')).toString(
    'base64url',
  );
  expect(new TokenSigner('some other key').read(token, 1)).toBeUndefined();
  for (const bad of ['', '.', 'x', `${forged}.${mac}`, `${token}.x`, `${body}.`, `${body}.${mac.slice(1)}`]) {
    expect(signer.read(bad, 1)).toBeUndefined();
  }
});

test('a derived secret is no token signature and differs by purpose', () => {
  expect(signer.derive('a')).not.toBe(signer.derive('b'));
  expect(signer.derive('a')).toBe(new TokenSigner('some key of some length').derive('a'));
});

test('a password is known again, salted each time, and an unknown user has none', async () => {
  const hash = await hashPassword('secret');
  expect(hash).not.toContain('secret');
  expect(await hashPassword('secret')).not.toBe(hash);
  expect(await verifyPassword('secret', hash)).toBe(true);
  expect(await verifyPassword('Secret', hash)).toBe(false);
  expect(await verifyPassword('secret', undefined)).toBe(false);
});
