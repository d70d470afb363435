import { constants, open as openCallback } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Tells of the end of a container without asking: all its processes, and nobody else, hold a FIFO open for writing, so
 * its end is theirs. Works as well for a warden that did not start them.
 */
export class LifeLine {
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Opens the reading end. `onEnd` is called once, or never when the container wrote into it: then only looking helps. */
  static async open(path: string, onEnd: () => void): Promise<LifeLine> {
    const { fd } = await openRaw(path);
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.unref();
    socket.once('data', () => socket.pause()); // whoever writes here may go on for ever
    socket.once('end', onEnd);
    socket.on('error', () => undefined);
    return new LifeLine(socket);
  }

  close(): void {
    this.socket.removeAllListeners('end');
    this.socket.destroy();
  }
}

/** A descriptor without a FileHandle, as the socket closes it itself. */
function openRaw(path: string): Promise<{ fd: number }> {
  return new Promise((resolve, reject) => {
    openCallback(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => {
      if (error === null) resolve({ fd });
      else reject(error);
    });
  });
}
