/**
 * The only way from a name or value to the text of a statement. Everything that reaches a server is a `Statement`,
 * which only `sql` makes, out of literal text and `Quoted` parts, which only the functions here make.
 */
class Text<Kind extends string> {
  readonly kind: Kind;
  readonly text: string;

  constructor(kind: Kind, text: string) {
    this.kind = kind;
    this.text = text;
  }
}

/** A part that may stand in a statement. */
export type Quoted = Text<'quoted'>;
/** A whole statement; `?` in it are values that are bound when it is run. */
export type Statement = Text<'statement'>;

/** A name or value is outside the alphabet its kind may use. The message does not repeat it. */
export class UnsafeName extends Error {
  override readonly name = 'UnsafeName';
}

const quoted = (text: string): Quoted => new Text('quoted', text);

/** Puts a statement together from literal text and quoted parts. */
export function sql(strings: TemplateStringsArray, ...parts: Quoted[]): Statement {
  return new Text('statement', String.raw({ raw: strings }, ...parts.map((part) => part.text)));
}

/** A database or account name of ours: letters and digits only, so it has no wildcard in a GRANT either. */
export function ident(name: string): Quoted {
  if (!/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name)) throw new UnsafeName('not a name of ours');
  return quoted(`\`${name}\``);
}

/** A name that the server itself told us: a tenant's table, view or routine may be called anything. */
export function catalogName(name: string): Quoted {
  if (name === '' || name.includes('\0')) throw new UnsafeName('not a name that a server has');
  return quoted(`\`${name.replaceAll('`', '``')}\``);
}

/** `'user'@'host'` of an account. */
export function account(user: string, host = '%'): Quoted {
  if (!/^[A-Za-z][A-Za-z0-9]{0,31}$/.test(user)) throw new UnsafeName('not a user of ours');
  if (!/^[A-Za-z0-9.:%_/-]{1,255}$/.test(host)) throw new UnsafeName('not a host of an account');
  return quoted(`'${user}'@'${host}'`);
}

/** A password in a statement that takes no bound value. Ours have letters and digits; given ones a little more. */
export function password(text: string): Quoted {
  if (!isPassword(text)) throw new UnsafeName('not a password of ours');
  return quoted(`'${text}'`);
}

/** Nothing that ends a string, begins an escape, or needs one in a URI. */
export function isPassword(text: string): boolean {
  return /^[A-Za-z0-9._~-]{1,128}$/.test(text);
}

/** A whole number that is not negative. */
export function integer(value: number): Quoted {
  if (!Number.isSafeInteger(value) || value < 0) throw new UnsafeName('not a whole number');
  return quoted(String(value));
}

/** Words that stand in our own sources, such as privileges. */
export function words(list: readonly string[]): Quoted {
  for (const word of list) if (!/^[A-Z][A-Z ]*$/.test(word)) throw new UnsafeName('not a word of SQL');
  return quoted(list.join(', '));
}

/** Parts in a row, with a comma between them. */
export function list(parts: readonly Quoted[]): Quoted {
  return quoted(parts.map((part) => part.text).join(', '));
}

/** Two parts side by side: `` `a`.`b` `` */
export function dotted(left: Quoted, right: Quoted): Quoted {
  return quoted(`${left.text}.${right.text}`);
}

/** One move of a RENAME statement. */
export function renamed(from: Quoted, to: Quoted): Quoted {
  return quoted(`${from.text} TO ${to.text}`);
}

/**
 * One CREATE statement as the server showed it to us, run alone on a connection without multiple statements: nothing
 * in it can end it and begin another.
 */
export function shownByServer(text: string): Statement {
  if (!/^CREATE /i.test(text)) throw new UnsafeName('not a CREATE statement');
  return new Text('statement', text);
}
