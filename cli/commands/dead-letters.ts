import type { Command } from 'commander';
import { Option } from 'commander';
import type { z } from 'zod';

import { DEAD_LETTER_KINDS } from '../../core/storage/operations-store.js';
import {
  deadLetterListSchema,
  deadLetterSchema,
  replayedSchema,
} from '../../services/ingest-http/routes/operations-schemas.js';
import { EXIT } from '../exit-codes.js';
import { addReplay, addShow, printFound } from '../remote/item-commands.js';
import {
  connectToServer,
  withServerOption,
  type ServerConnection,
} from '../remote/server-connection.js';
import { textTable } from '../text-table.js';

interface Flags {
  readonly server?: string;
  readonly kind?: string;
  readonly destination?: string;
  readonly json?: boolean;
}

const PATH = '/api/v1/dead-letters';
const MAX_LIMIT = 1_000;

const HELP = `
A dead letter is what waits for a person: a delivery that was given up, an image whose processing failed
repeatedly, or a job that fails for a reason that does not pass. Nothing is lost while it waits.

Exit codes:
  ${EXIT.ok}  done
  ${EXIT.failure}  there is no such dead letter, or no server answers
  ${EXIT.usage}  wrong arguments

Examples:
  preread dead-letters list --kind delivery
  preread dead-letters show 0b9d3c0e-8a5f-4c7f-9a51-2c9d6a1b7e11
  preread dead-letters replay 0b9d3c0e-8a5f-4c7f-9a51-2c9d6a1b7e11 --reason "receiver repaired"
  preread dead-letters replay --all --destination pacs --reason "PACS is back"`;

export function register(program: Command): void {
  const command = program
    .command('dead-letters')
    .summary('what waits for a person: list, show, replay')
    .description('What waits for a person.')
    .addHelpText('after', HELP);
  const kind = () => new Option('--kind <kind>', 'of this kind only').choices(DEAD_LETTER_KINDS);

  withServerOption(command.command('list').description('the newest first'))
    .addOption(kind())
    .option('--destination <name>', 'deliveries to this destination only')
    .option('--json', 'as JSON', false)
    .action(async (flags: Flags) => {
      const found = await list(await connectToServer(flags, process.env), flags);
      printFound(found, flags.json, table);
    });
  addShow(command, { path: PATH, schema: deadLetterSchema });
  addReplay(
    command,
    { path: PATH, schema: replayedSchema },
    {
      description: 'try again',
      one: 'dead letter',
      all: 'all that --kind and --destination leave',
      destination: 'deliveries to this destination only',
    },
    async (server, flags) => (await list(server, flags)).map(({ id }) => id),
  ).addOption(kind());
}

async function list(
  server: ServerConnection,
  flags: Flags,
): Promise<z.infer<typeof deadLetterListSchema>['deadLetters']> {
  const query = new URLSearchParams({
    limit: String(MAX_LIMIT),
    ...(flags.kind !== undefined && { kind: flags.kind }),
    ...(flags.destination !== undefined && { destination: flags.destination }),
  });
  return (await server.call('GET', `${PATH}?${query.toString()}`, deadLetterListSchema))
    .deadLetters;
}

function table(found: readonly z.infer<typeof deadLetterSchema>[]): string {
  if (found.length === 0) {
    return 'nothing waits for a person';
  }
  return textTable([
    ['id', 'kind', 'since', 'attempts', 'what', 'error'],
    ...found.map((letter) => [
      letter.id,
      letter.kind,
      letter.since.slice(0, 16),
      String(letter.attempts ?? ''),
      letter.destination ?? letter.jobName ?? '',
      letter.error,
    ]),
  ]);
}
