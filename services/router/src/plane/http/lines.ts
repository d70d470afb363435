/** All values of a header in a head's text, in order; `name` in lower case. For those that may come more than once. */
export function linesOf(text: string, name: string): string[] {
  const values: string[] = [];
  let at = text.indexOf('\r\n') + 2;
  while (at < text.length) {
    const end = text.indexOf('\r\n', at);
    if (end <= at) break;
    if (text.charCodeAt(at + name.length) === 58 && text.slice(at, at + name.length).toLowerCase() === name) {
      values.push(text.slice(at + name.length + 1, end).replace(/^[ \t]+|[ \t]+$/g, ''));
    }
    at = end + 2;
  }
  return values;
}
