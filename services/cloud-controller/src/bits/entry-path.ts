/** Linux takes paths of 4096 bytes; the folders that an application is unpacked in need their part of it. */
const MOST_BYTES = 2048;
const MOST_WORD_BYTES = 255;
const MOST_WORDS = 128;

/** Why a path may not be in an application, or undefined when it may. Paths are relative, with `/` between words. */
export function pathFault(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.includes('\0')) return 'holds a NUL character';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.includes('\\')) return 'holds a backslash';
  if (Buffer.byteLength(path) > MOST_BYTES) return 'is too long';
  const words = path.split('/');
  if (words.length > MOST_WORDS) return 'is too deep';
  for (const word of words) {
    if (word === '' || word === '.' || word === '..') return 'holds an empty word, "." or ".."';
    if (Buffer.byteLength(word) > MOST_WORD_BYTES) return 'holds a name that is too long';
  }
  return undefined;
}

/** As many links as Linux follows for one path. */
const MOST_HOPS = 40;

/**
 * Whether what the link at `path` points to lies inside the application, when it is followed as the system does: a
 * `..` after another link goes up from where that link led. `linkAt` knows the targets of all links.
 */
export function linkStaysInside(
  path: string,
  target: string,
  linkAt: (path: string) => string | undefined,
): boolean {
  const place = path.split('/').slice(0, -1);
  let todo = [target];
  for (let hops = 0; todo.length > 0;) {
    const word = todo.shift() ?? '';
    if (word.includes('/')) {
      if (word.startsWith('/')) return false;
      todo = [...word.split('/'), ...todo];
    } else if (word === '..') {
      if (place.pop() === undefined) return false;
    } else if (word !== '' && word !== '.') {
      place.push(word);
      const next = linkAt(place.join('/'));
      if (next === undefined) continue;
      if (++hops > MOST_HOPS) return false;
      place.pop();
      todo.unshift(next);
    }
  }
  return true;
}
