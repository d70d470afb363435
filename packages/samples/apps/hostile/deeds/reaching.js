// Connections to what is not meant for it. Targets are `host:port`.
const { readFileSync } = require('node:fs');
const { connect } = require('node:net');

const PATIENCE_MS = 4000;

function reach(target) {
  const [host, port] = target.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const end = (outcome) => {
      socket.destroy();
      resolve([target, outcome]);
    };
    socket.setTimeout(PATIENCE_MS, () => end('refused (no answer)'));
    socket.on('error', (error) => end(`refused (${error.code})`));
    socket.on('connect', () => end('got through'));
  });
}

/** The host's end of the wire: the default route. */
function gateway() {
  const route = readFileSync('/proc/net/route', 'latin1')
    .split('\n')
    .map((line) => line.split('\t'))
    .find(([, destination]) => destination === '00000000');
  return Buffer.from(route?.[2] ?? '', 'hex').reverse().join('.');
}

const reaching = {
  /** `gateway:port` is the host as the application's wire has it. */
  connect: async (targets) => {
    const own = gateway();
    const all = ['169.254.169.254:80', ...targets.map((target) => target.replace(/^gateway:/, `${own}:`))];
    return Object.fromEntries(await Promise.all(all.map(reach)));
  },
};

module.exports = { reaching };
