import { newTrace } from '@vcap/bus';
import type { StartMessage } from '@vcap/bus';
import { Instance } from '../src/instance/instance.ts';
import type { InstanceState } from '../src/instance/states.ts';

/** A start message of a sound droplet, with the given fields changed. */
export function startMessage(change: Partial<StartMessage> = {}): StartMessage {
  return {
    droplet: 'app-1',
    version: 'v1',
    name: 'shop',
    index: 0,
    uris: ['shop.example.test'],
    sha1: 'a'.repeat(40),
    executableUri: 'http://127.0.0.1/droplet',
    limits: { mem: 128, disk: 256, fds: 256 },
    env: [],
    services: [],
    cc_partition: 'default',
    ...change,
  };
}

/** An instance without a container. */
export function makeInstance(change: Partial<StartMessage> = {}, id = 'i-1'): Instance {
  const message = startMessage(change);
  const parts = {
    id,
    handle: id,
    message,
    privateInstanceId: 'f'.repeat(64),
    rootDir: '/nonexistent',
    nowMs: 1000,
    trace: newTrace(),
  };
  return new Instance(parts, () => undefined);
}

const WAYS: Record<InstanceState, InstanceState[]> = {
  BORN: [],
  RESUMING: ['RESUMING'],
  STARTING: ['STARTING'],
  RUNNING: ['STARTING', 'RUNNING'],
  EVACUATING: ['STARTING', 'RUNNING', 'EVACUATING'],
  STOPPING: ['STOPPING'],
  STOPPED: ['STOPPING', 'STOPPED'],
  CRASHED: ['CRASHED'],
};

/** Takes a new instance to a state; `sinceMs` is when it got there. */
export function bring(instance: Instance, state: InstanceState, sinceMs = 0): Instance {
  for (const next of WAYS[state]) instance.setState(next, sinceMs);
  return instance;
}
