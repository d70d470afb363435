import { spawn } from 'node:child_process';
import { vmcProgram } from '../../test/support/platform.ts';
import type { Platform } from '../../test/support/platform.ts';

/** A stretch of a run, in milliseconds from its start. */
export interface Phase {
  name: string;
  fromMs: number;
  toMs: number;
}

/** Runs a vmc command that must succeed and answers when each of its steps began and ended. */
export function timedVmc(platform: Platform, args: readonly string[]): Promise<Phase[]> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(vmcProgram, args, {
      env: platform.vmcEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const steps = new StepReader();
    let output = '';
    const take = (chunk: string): void => {
      output += chunk;
      steps.take(chunk, performance.now() - began);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0)
        resolve([
          { name: 'vmc: until its first step', fromMs: 0, toMs: steps.phases[0]?.fromMs ?? 0 },
          ...steps.phases,
        ]);
      else reject(new Error(`vmc ${args.join(' ')} ended with ${code}:\n${output}\n${platform.logs()}`));
    });
  });
}

/** Finds `label: ` and the `OK` that ends it in output as it comes; other lines may stand between them. */
class StepReader {
  readonly phases: Phase[] = [];
  #line = '';
  #open: { name: string; fromMs: number } | undefined;

  take(chunk: string, atMs: number): void {
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#read(line, atMs);
    const label = /^\s*(.+): $/.exec(this.#line)?.[1];
    if (label !== undefined) this.#begin(label, atMs);
  }

  #read(line: string, atMs: number): void {
    const [, label, ended] = /^\s*(.+?): (OK)?$/.exec(line) ?? [];
    if (label === undefined) return;
    this.#begin(label, atMs);
    if (ended === undefined || this.#open === undefined) return;
    this.phases.push({ ...this.#open, toMs: atMs });
    this.#open = undefined;
  }

  #begin(label: string, fromMs: number): void {
    // Names and sizes differ from run to run.
    const name = label.replace(/ ('.*'|\(.*\))$/, '');
    if (this.#open?.name !== name) this.#open = { name, fromMs };
  }
}
