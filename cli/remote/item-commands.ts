import type { Command } from 'commander';
import type { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import { EXIT } from '../exit-codes.js';
import { connectToServer, withServerOption, type ServerConnection } from './server-connection.js';

interface ServerFlag {
  readonly server?: string;
}

/** What the server keeps a list of, each with an id. */
export interface ItemResource<Item> {
  /** Of the list; an item's is below it. */
  readonly path: string;
  readonly schema: z.ZodType<Item>;
  /** What an item is called by; `id` unless said. */
  readonly id?: string;
}

export interface ReplayFlags extends ServerFlag {
  readonly all: boolean;
  readonly destination?: string;
  readonly reason: string;
  /** Where the caller has added such options. */
  readonly kind?: string;
  readonly waiting?: boolean;
}

/** `show <id>`. */
export function addShow<Item>(
  command: Command,
  { path, schema, id: idName = 'id' }: ItemResource<Item>,
): void {
  withServerOption(command.command('show').description('one of them, as JSON'))
    .argument(`<${idName}>`)
    .action(async (id: string, flags: ServerFlag) => {
      const server = await connectToServer(flags, process.env);
      const found = await server.call('GET', `${path}/${encodeURIComponent(id)}`, schema);
      console.log(JSON.stringify(found, null, 2));
    });
}

/** `replay <id>` and `replay --all`. Returns the command, for options of its own. */
export function addReplay<Answer>(
  command: Command,
  { path, schema }: ItemResource<Answer>,
  texts: {
    readonly description: string;
    readonly one: string;
    readonly all: string;
    readonly destination: string;
  },
  idsOfAll: (server: ServerConnection, flags: ReplayFlags) => Promise<readonly string[]>,
): Command {
  return withServerOption(command.command('replay').description(texts.description))
    .argument('[id]')
    .option('--all', texts.all, false)
    .option('--destination <name>', texts.destination)
    .option('--reason <text>', 'why, for the audit log', 'replayed by the operator')
    .action(async (id: string | undefined, flags: ReplayFlags) => {
      if ((id === undefined) !== flags.all) {
        command.error(`name one ${texts.one}, or give --all`, { exitCode: EXIT.usage });
      }
      const server = await connectToServer(flags, process.env);
      const { reason } = flags;
      const replay = (one: string) =>
        server.call('POST', `${path}/${encodeURIComponent(one)}/replay`, schema, { reason });
      if (id !== undefined) {
        await replay(id);
        console.log('1 replayed');
        return;
      }
      let replayed = 0;
      for (const one of await idsOfAll(server, flags)) {
        replayed += (await replay(one).catch(skipConflict)) === undefined ? 0 : 1;
      }
      console.log(`${replayed} replayed`);
    });
}

/** What was listed a moment ago may have gone its way by itself. */
function skipConflict(error: unknown): undefined {
  if (!(error instanceof PipelineError && error.code === 'state-conflict')) {
    throw error;
  }
}

/** For `--json`: what was found as it came, else as a table. */
export function printFound<Item>(
  found: readonly Item[],
  json: boolean | undefined,
  table: (found: readonly Item[]) => string,
): void {
  console.log(json === true ? JSON.stringify(found, null, 2) : table(found));
}
