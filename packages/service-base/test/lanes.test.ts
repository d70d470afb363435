import { describe, expect, it } from '@jest/globals';
import { Lanes } from '../src/node/lanes.ts';

describe('lanes', () => {
  it('runs one key in order and no more than its width at once', async () => {
    const lanes = new Lanes(2);
    const order: string[] = [];
    let most = 0;
    const work = (name: string) => async (): Promise<void> => {
      order.push(`${name}+`);
      most = Math.max(most, lanes.running);
      await new Promise(setImmediate);
      order.push(`${name}-`);
    };
    const all = ['a1', 'a2', 'b1', 'c1'].map((name) => lanes.run(name.charAt(0), work(name)));
    expect(lanes.busy('a')).toBe(true);
    await Promise.all(all);
    expect(order.indexOf('a2+')).toBeGreaterThan(order.indexOf('a1-'));
    expect(most).toBe(2);
    expect([lanes.busy('a'), lanes.running]).toEqual([false, 0]);
  });

  it('goes on after a failure', async () => {
    const lanes = new Lanes(1);
    const failed = lanes.run('a', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    await expect(lanes.run('a', async () => 7)).resolves.toBe(7);
    await lanes.idle();
  });
});
