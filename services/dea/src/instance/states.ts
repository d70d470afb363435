/** Life of an instance on a DEA. */
export type InstanceState =
  'BORN' | 'RESUMING' | 'STARTING' | 'RUNNING' | 'EVACUATING' | 'STOPPING' | 'STOPPED' | 'CRASHED';

/**
 * Every move there is. BORN: accepted, resources reserved. RESUMING: found in the snapshot of the DEA before us, not
 * looked at yet. EVACUATING: serves on until its replacement runs. CRASHED: ended by itself or by a limit; its files
 * are kept until it is forgotten, which is its move to STOPPED.
 */
const MOVES: Record<InstanceState, readonly InstanceState[]> = {
  BORN: ['RESUMING', 'STARTING', 'STOPPING', 'CRASHED'],
  RESUMING: ['STARTING', 'RUNNING', 'STOPPING', 'CRASHED'],
  STARTING: ['RUNNING', 'STOPPING', 'CRASHED'],
  RUNNING: ['EVACUATING', 'STOPPING', 'CRASHED'],
  EVACUATING: ['STOPPING', 'CRASHED'],
  STOPPING: ['STOPPED'],
  STOPPED: [],
  CRASHED: ['STOPPED'],
};

/** The states, in the order of life. */
export const STATES = Object.keys(MOVES) as InstanceState[];

/** Whether an instance may go from one state to the other. */
export const canMove = (from: InstanceState, to: InstanceState): boolean => MOVES[from].includes(to);

/** States whose memory is reserved. */
export const holdsMemory = (state: InstanceState): boolean => state !== 'STOPPED' && state !== 'CRASHED';

/**
 * States whose disk is reserved. Not CRASHED: what is left of it is far below its limit and has a budget of its own,
 * and an application that crashes again and again must not fill the DEA with promises.
 */
export const holdsDisk = holdsMemory;

/** States told to the health manager. */
export const isReported = (state: InstanceState): boolean =>
  state === 'STARTING' || state === 'RUNNING' || state === 'CRASHED' || state === 'EVACUATING';

/** States in which a stop has something to do. */
export const isLive = (state: InstanceState): boolean =>
  state !== 'STOPPING' && state !== 'STOPPED' && state !== 'CRASHED';

/** States in which the router sends requests. */
export const isRouted = (state: InstanceState): boolean => state === 'RUNNING' || state === 'EVACUATING';
