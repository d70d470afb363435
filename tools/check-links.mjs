/** Looks whether every relative link of every Markdown file leads to a file, and its #part to a heading of it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const skipped = new Set(['node_modules', 'dist', '.git', '.tools', '.turbo', '.vcap', '.cache', 'out']);

function* markdownFiles(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) yield* markdownFiles(path);
    } else if (entry.isFile() && entry.name.endsWith('.md')) yield path;
  }
}

/** Without code, in which brackets are something else. */
const prose = (text) => text.replaceAll(/^(```|~~~).*?^\1/gms, '').replaceAll(/`[^`\n]*`/g, '');

/** Names of the headings as web pages of repositories make them. */
function parts(text) {
  const seen = new Map();
  return new Set(
    [...text.replaceAll(/^(```|~~~).*?^\1/gms, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, title]) => {
      const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
      const name = plain
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-');
      const times = seen.get(name) ?? 0;
      seen.set(name, times + 1);
      return times === 0 ? name : `${name}-${times}`;
    }),
  );
}

const broken = [];
let links = 0;
for (const file of markdownFiles(root)) {
  const text = prose(readFileSync(file, 'utf8'));
  const targets = [
    ...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
    ...text.matchAll(/^\[[^\]]+\]:\s+<?(\S+?)>?$/gm),
  ].map((match) => match[1]);
  for (const target of targets) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    links++;
    const [path, part] = target.split('#');
    const to =
      path === '' ? file : resolve(path.startsWith('/') ? root : dirname(file), `./${decodeURI(path)}`);
    const problem = !existsSync(to)
      ? 'no such file'
      : part && to.endsWith('.md') && statSync(to).isFile() && !parts(readFileSync(to, 'utf8')).has(part)
        ? 'no such heading'
        : undefined;
    if (problem) broken.push(`${relative(root, file)}: ${target}: ${problem}`);
  }
}
for (const line of broken) console.error(line);
console.log(`${links} relative links, ${broken.length} broken`);
process.exitCode = broken.length === 0 ? 0 : 1;
