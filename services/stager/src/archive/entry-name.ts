import { StagingError } from '../domain/staging-error.ts';

/**
 * A zip entry's name as a clean relative path (no trailing slash, no `.` parts).
 * @throws StagingError `BadArchive` for absolute names, `..`, backslashes, NUL and empty names
 */
export const cleanEntryName = (name: string): string => {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const bad = name.startsWith('/') || /[\0\\]/.test(name) || /^[A-Za-z]:/.test(name) || parts.includes('..');
  if (bad) {
    throw new StagingError(
      'BadArchive',
      `the archive holds the name ${JSON.stringify(name)}, which is absolute or leaves the application`,
    );
  }
  return parts.join('/');
};
