import { connect } from 'node:net';

const patienceMs = 2000;

/** Whether something accepts connections there; nothing is sent. Never rejects. */
export function tryToReach(host: string, port: number): Promise<{ reached: boolean; error?: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: patienceMs });
    const end = (outcome: { reached: boolean; error?: string }): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end({ reached: true }));
    socket.once('timeout', () => end({ reached: false, error: `no answer in ${patienceMs / 1000} s` }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end({ reached: false, error: error.code ?? error.message }),
    );
  });
}
