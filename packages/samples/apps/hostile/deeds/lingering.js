// What wants to outlive its application. A target is the number of seconds to sleep, by which its processes are known.
const { spawn } = require('node:child_process');

const lingering = {
  /** Children that hear no TERM, nor does their parent. */
  stay: ([seconds]) => {
    process.on('SIGTERM', () => console.log('stay: TERM ignored'));
    spawn('bash', ['-c', `trap "" TERM HUP INT; sleep ${seconds} & sleep ${seconds}; wait`], { stdio: 'ignore' });
    return {};
  },

  /** Two forks away, in sessions of their own, without a parent, a name or an environment. */
  away: ([seconds]) => {
    const flight = `(setsid env -i setsid sleep ${seconds} &) &`;
    spawn('bash', ['-c', `trap "" TERM HUP; ${flight} ${flight}`], { detached: true, stdio: 'ignore' }).unref();
    return {};
  },
};

module.exports = { lingering };
