import type { Client } from './api/client.ts';
import type { Transport } from './api/transport.ts';
import type { Flags } from './cli/flags.ts';
import type { Clock } from './clock.ts';
import { Store } from './config/store.ts';
import { UsageError, VmcError } from './errors.ts';
import { Prompt } from './ui/prompt.ts';
import type { In } from './ui/prompt.ts';
import { Ui } from './ui/ui.ts';
import type { Out } from './ui/ui.ts';

/** The world around one run of vmc. */
export interface Host {
  env: NodeJS.ProcessEnv;
  cwd: string;
  stdin: In;
  stdout: Out;
  stderr: Out;
  clock: Clock;
  /** Ends `logs --follow`. */
  signal?: AbortSignal;
  /** Calls the listener instead of ending the process when the user interrupts; gives back how to undo that. */
  onInterrupt?: (listener: () => void) => () => void;
  /** Runs a program in the user's terminal and gives its exit status; the signal ends it. */
  run?: (argv: [string, ...string[]], env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<number>;
}

/** A command: does its work, or throws. */
export type Command = (context: Context) => Promise<void>;

/** What a command works with: its arguments and flags, output, questions, files and the target. */
export class Context {
  readonly host: Host;
  readonly flags: Flags;
  readonly args: string[];
  readonly ui: Ui;
  readonly prompt: Prompt;
  readonly store: Store;
  private transport: Transport | undefined;

  constructor(host: Host, flags: Flags, args: string[]) {
    this.host = host;
    this.flags = flags;
    this.args = args;
    this.ui = new Ui({
      out: host.stdout,
      err: host.stderr,
      json: flags.json === true,
      quiet: flags.quiet === true,
      color: host.stdout.isTTY === true && flags.noColor !== true && host.env['NO_COLOR'] === undefined,
    });
    this.prompt = new Prompt({ input: host.stdin, out: this.ui.talk, enabled: flags.noPrompt !== true });
    this.store = new Store(host.env, flags.tokenFile);
  }

  get target(): string {
    return this.store.target();
  }

  /** An argument that must be there. */
  required(index: number, what: string): string {
    const value = this.args[index];
    if (value === undefined || value === '')
      throw new UsageError(`${what} is missing`, 'See `vmc help COMMAND`.');
    return value;
  }

  /** The application a command is about: its first argument, or --name. */
  appName(): string {
    return this.args[0] ?? this.flags.name ?? this.required(0, 'The application name');
  }

  /** Calls without a login; a stored token is sent all the same. */
  async anonymous(target = this.target): Promise<Client> {
    const [{ Client: ClientClass }, { Transport: TransportClass }] = await Promise.all([
      import('./api/client.ts'),
      import('./api/transport.ts'),
    ]);
    this.transport?.close();
    this.transport = new TransportClass(target, this.host.env);
    const token = this.store.token(target);
    const { trace, proxy } = this.flags;
    return new ClientClass({
      transport: this.transport,
      ...(token === undefined ? {} : { token }),
      ...(proxy === undefined ? {} : { proxyUser: proxy }),
      ...(trace === undefined
        ? {}
        : { trace, onTrace: (line: string) => void this.host.stderr.write(`${line}\n`) }),
    });
  }

  /** Calls that need a login. */
  async client(): Promise<Client> {
    const { target } = this;
    if (this.store.token(target) === undefined)
      throw new VmcError(`Login required: there is no token for ${target}`, {
        hint: 'Log in with `vmc login`, or make an account with `vmc add-user`.',
      });
    return this.anonymous(target);
  }

  /** Lets go of connections and input. */
  close(): void {
    this.transport?.close();
    this.prompt.stop();
  }
}
