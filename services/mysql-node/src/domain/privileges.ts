/** What lets data grow: goes when an instance is over its limit. */
export const growing = [
  'INSERT',
  'UPDATE',
  'CREATE',
  'INDEX',
  'CREATE TEMPORARY TABLES',
  'CREATE VIEW',
  'CREATE ROUTINE',
  'TRIGGER',
  'EVENT',
] as const;

/** What stays, so that users can look and shrink: rows, tables and whole schemas may be deleted. */
export const remaining = [
  'SELECT',
  'DELETE',
  'DROP',
  'ALTER',
  'ALTER ROUTINE',
  'EXECUTE',
  'LOCK TABLES',
  'REFERENCES',
  'SHOW VIEW',
] as const;

/** All of them; the right to grant is never among them. */
export const everything = ['ALL PRIVILEGES'] as const;
