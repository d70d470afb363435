import { randomBytes, randomInt } from 'node:crypto';
import { isPassword } from '../sql/quote.ts';

/**
 * Names on the server (services.md §5.4). The first letter says what it is, and the rest never leaves letters and
 * digits: `d` + 32 hex an instance's database, `u` + 12 characters an account of a tenant.
 */
const INSTANCE = /^d[0-9a-f]{32}$/;
const USER = /^u[A-Za-z0-9]{12,31}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const USER_LENGTH = 12;
const PASSWORD_LENGTH = 24;

export const isInstanceName = (text: string): boolean => INSTANCE.test(text);
export const isUserName = (text: string): boolean => USER.test(text);

export const newInstanceName = (): string => `d${randomBytes(16).toString('hex')}`;
export const newUserName = (): string => `u${randomText(USER_LENGTH)}`;

/** Has a small letter, a capital and a digit, as a server's password rules may ask for. */
export function newPassword(): string {
  for (;;) {
    const text = `p${randomText(PASSWORD_LENGTH)}`;
    if (/[A-Z]/.test(text) && /\d/.test(text) && isPassword(text)) return text;
  }
}

/** Where a dump is loaded before it takes the place of the data; no instance's name, so no orphan. */
export const scratchName = (instance: string): string => `s${instance.slice(1)}`;
/** Where the replaced data is until it is dropped. */
export const replacedName = (instance: string): string => `o${instance.slice(1)}`;
/** Account that loads into the scratch database and may do nothing else. */
export const loaderName = (instance: string): string => `l${instance.slice(1, 32)}`;

/** What an account without any grant is reported to belong to, as it must say something. */
export const nobodysInstance = `d${'0'.repeat(32)}`;

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
