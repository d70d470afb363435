import { Transform } from 'node:stream';

/** A dump names who defined a view or routine only in the first words of a line; longer heads do not exist. */
const HEAD_LIMIT = 1024;
const NEWLINE = 0x0a;
const NAME = '(?:`(?:[^`]|``)*`|\'(?:[^\']|\'\')*\'|"(?:[^"]|"")*"|[\\w$.]+)';
const DEFINER = `DEFINER\\s*=\\s*${NAME}(?:@${NAME})?`;
/** `CREATE DEFINER=a@b PROCEDURE …`, as MariaDB and MySQL write routines and MariaDB also packages. */
const PLAIN = new RegExp(`^(CREATE (?:OR REPLACE )?)${DEFINER} `, 'i');
// A comment that servers from some version on obey, with what stands before it: `/*!50017 DEFINER=a@b*/`.
const COMMENT = new RegExp(`^((?:/\\*![0-9]{5,6} CREATE ?\\*/ )?/\\*![0-9]{5,6} )${DEFINER}( |\\*/)`, 'i');

/** The line without the account that defined what it creates: the account that loads it becomes that. */
export function withoutDefiner(line: string): string {
  return line.replace(PLAIN, '$1').replace(COMMENT, '$1$2');
}

/**
 * Takes definers out of a dump. Only an account with far-reaching rights could set another than itself, and loading
 * runs with the rights of the tenant alone. Rows are untouched: dumps write their line breaks as `\n`, so no line that
 * begins like this is data.
 */
export function definerFilter(): Transform {
  let head: Buffer | undefined = Buffer.alloc(0);
  const finished = (line: Buffer): Buffer => Buffer.from(withoutDefiner(line.toString('latin1')), 'latin1');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const out: Buffer[] = [];
      let at = 0;
      while (at < chunk.length) {
        const newline = chunk.indexOf(NEWLINE, at);
        const end = newline === -1 ? chunk.length : newline + 1;
        const part = chunk.subarray(at, end);
        at = end;
        if (head === undefined) out.push(part);
        else {
          head = head.length === 0 ? part : Buffer.concat([head, part]);
          if (newline === -1 && undecided(head)) continue;
          out.push(mayHaveDefiner(head) ? finished(head) : head);
        }
        head = newline === -1 ? undefined : Buffer.alloc(0);
      }
      done(null, Buffer.concat(out));
    },
    flush(done) {
      done(null, head === undefined || head.length === 0 ? undefined : finished(head));
    },
  });
}

/** Whether a line that is not all there yet may still turn out to have a definer. */
const undecided = (head: Buffer): boolean => head.length < HEAD_LIMIT && mayHaveDefiner(head);

/** By its first bytes, so that rows are let through as they come. */
function mayHaveDefiner(line: Buffer): boolean {
  const first = line.subarray(0, 6).toString('latin1').toUpperCase();
  return 'CREATE'.startsWith(first) || first.startsWith('/*!') || '/*!'.startsWith(first);
}
