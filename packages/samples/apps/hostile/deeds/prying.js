// What is none of its business. Each outcome begins with `refused`, or tells what was got.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { join } = require('node:path');

function attempt(what) {
  try {
    return `got ${what()}`;
  } catch (error) {
    return `refused (${error.code ?? error.message})`;
  }
}

/** Reads a file, or what is in a directory. */
const read = (path) =>
  fs.statSync(path).isDirectory()
    ? fs.readdirSync(path).join(' ') || fail('nothing in it')
    : fs.readFileSync(path, 'latin1').slice(0, 100);

function fail(why) {
  throw new Error(why);
}

/** Processes that are seen, as their command lines. */
const seen = () =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return fs.readFileSync(join('/proc', pid, 'cmdline'), 'latin1').replaceAll('\0', ' ');
      } catch {
        return ''; // ended meanwhile
      }
    });

const prying = {
  /** Targets are paths of the host. */
  read: (paths) => {
    const all = ['/etc/shadow', '/root/.bashrc', '/root/.ssh', '/proc/kcore', '/proc/1/root/etc/shadow', '/dev/mem', '/sys/kernel', ...paths];
    return Object.fromEntries(all.map((path) => [path, attempt(() => read(path))]));
  },

  write: (paths) => {
    const all = ['/etc/passwd', '/usr/bin/node', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/run/warden/go'];
    return Object.fromEntries(
      [...all, ...paths].map((path) => [path, attempt(() => fs.appendFileSync(path, 'x') ?? 'it written')]),
    );
  },

  /** Targets are pids of the host. */
  processes: (pids) => ({
    seen: seen().sort().join('; '),
    ...Object.fromEntries(
      pids.flatMap((pid) => [
        [`signal ${pid}`, attempt(() => process.kill(Number(pid), 0))],
        [`environment of ${pid}`, attempt(() => fs.readFileSync(`/proc/${pid}/environ`, 'latin1'))],
      ]),
    ),
  }),

  /** Calls of the kernel that no application needs. */
  calls: () => {
    // The userland's own: another may be a script that needs more of the host than it gets.
    const python = fs.existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
    const lines = execFileSync(python, [join(__dirname, 'calls.py')], { encoding: 'utf8' });
    return Object.fromEntries(lines.trim().split('\n').map((line) => line.split(': ')));
  },
};

module.exports = { prying };
