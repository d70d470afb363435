/** The client half as a process of its own: `listener.ts <url> <transport> <destination port>`. */
import { systemClock } from '@vcap/clock';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { Transport } from '../src/index.ts';

const [url = '', transport = 'http', port = '0'] = process.argv.slice(2);
const client = new CaldecottClient({
  url,
  token: 'of the bench',
  clock: systemClock,
  transport: transport as Transport,
});
const listener = new LocalListener({
  client,
  destination: { host: '127.0.0.1', port: Number(port) },
  onFailure: (error) => void process.stderr.write(`${error.message}\n`),
});
process.on('SIGINT', () => process.exit(0));
process.stdout.write(`port ${await listener.start(0)}\n`);
