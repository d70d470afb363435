import { randomBytes } from 'node:crypto';
import type { Client } from '../api/client.ts';
import { listOfferings, listServices } from '../api/services.ts';
import type { Context } from '../context.ts';
import type { WantedService } from '../manifest/apps.ts';

/** A name for a new service that nobody chose one for. */
export function inventedName(vendor: string): string {
  return `${vendor}-${randomBytes(3).toString('hex').slice(0, 5)}`;
}

/**
 * Asks which services a new application is to have: existing ones, then new ones. No question is asked where there is
 * nothing to choose, none when questions are switched off, and every answer but a yes means no.
 */
export async function askForServices(context: Context, client: Client): Promise<WantedService[]> {
  if (context.flags.noPrompt === true) return [];
  const wanted: WantedService[] = [];
  const existing = (await listServices(client)).map((service) => service.name);
  const vendors = [...new Set((await listOfferings(client)).map((offer) => offer.vendor))];
  await repeat(context, existing, 'bind existing services to', async (left) => {
    const name = await pick(context, 'Which one', left);
    wanted.push({ name });
    existing.splice(existing.indexOf(name), 1);
  });
  await repeat(context, vendors, 'create services to bind to', async () => {
    const vendor = await pick(context, 'What kind of service', vendors);
    wanted.push({
      vendor,
      name: await context.prompt.ask('Specify the name of the service', inventedName(vendor)),
    });
  });
  return wanted;
}

async function repeat(
  { prompt }: Context,
  choices: readonly string[],
  what: string,
  one: (choices: readonly string[]) => Promise<void>,
): Promise<void> {
  if (choices.length === 0) return;
  let more = await prompt.confirm(`Would you like to ${what} this application?`, false);
  while (more) {
    await one(choices);
    more = choices.length > 0 && (await prompt.confirm('Another one?', false));
  }
}

/** One of the choices, by number or by name; asks again for anything else. */
async function pick({ prompt, ui }: Context, question: string, choices: readonly string[]): Promise<string> {
  choices.forEach((choice, at) => ui.say(`${at + 1}: ${choice}`));
  for (;;) {
    const answer = await prompt.ask(question, choices[0]);
    const found = choices.find((choice, at) => choice === answer || String(at + 1) === answer);
    if (found !== undefined) return found;
    ui.say(`Choose one of ${choices.join(', ')}`);
  }
}
