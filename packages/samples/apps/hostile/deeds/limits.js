// What takes all there is of something. Each deed answers what stopped it, or at once where nothing but the end will.
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { availableParallelism } = require('node:os');
const { Worker } = require('node:worker_threads');

const MB = 1024 * 1024;

/** Goes on until an error comes; its code and how often it went well. */
function untilRefused(step) {
  for (let count = 0; ; count += 1) {
    try {
      step(count);
    } catch (error) {
      return `refused after ${count} (${error.code ?? error.message})`;
    }
  }
}

/** Room is taken in big steps, which costs nobody's time, the last of it by writing. */
function fill(directory) {
  for (let size = 512; size >= 1; size /= 2)
    while (spawnSync('fallocate', ['-l', `${size}M`, `${directory}/${size}-${Math.random()}`]).status === 0);
  const rest = Buffer.alloc(MB / 4, 1);
  return untilRefused((count) => fs.writeFileSync(`${directory}/rest-${count}`, rest));
}

const limits = {
  memory: () => {
    const held = [];
    // After the answer.
    setTimeout(() => {
      for (;;) held.push(Buffer.alloc(MB, held.length));
    }, 100);
    return {};
  },

  forks: () => {
    spawn('sh', ['-c', 'bomb() { bomb | bomb & }; bomb'], { stdio: 'inherit' });
    return {};
  },

  bytes: () => ({ home: fill('.'), '/tmp': untilRefused(() => fs.writeFileSync('/tmp/one', Buffer.alloc(MB, 1))) }),

  'tmp-bytes': () => ({ '/tmp': fill('/tmp'), home: untilRefused(() => fs.writeFileSync('one', Buffer.alloc(MB, 1))) }),

  inodes: () => {
    fs.mkdirSync('many');
    // Takes seconds: told in the log.
    setTimeout(() => {
      const outcome = untilRefused((count) => fs.symlinkSync('x', `many/${count}`));
      console.log(`inodes: links: ${outcome}`);
    }, 100);
    return {};
  },

  descriptors: () => {
    const open = [];
    const outcome = untilRefused(() => open.push(fs.openSync('/dev/null')));
    for (const each of open) fs.closeSync(each);
    return { open: outcome };
  },

  'shared-memory': () => ({
    '/dev/shm': untilRefused((count) => fs.writeFileSync(`/dev/shm/${count}`, Buffer.alloc(MB, 1))),
  }),

  flood: () => {
    spawn('yes', ['all work and no play'], { stdio: ['ignore', 'inherit', 'inherit'] });
    return {};
  },

  spin: () => {
    for (let core = 0; core < availableParallelism(); core += 1) new Worker('for (;;);', { eval: true });
    return {};
  },
};

module.exports = { limits };
