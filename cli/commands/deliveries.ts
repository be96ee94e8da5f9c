import type { Command } from 'commander';
import { Option } from 'commander';
import type { z } from 'zod';

import { DELIVERY_STATES } from '../../core/storage/study-store.js';
import {
  deliveryListSchema,
  listedDeliverySchema,
} from '../../services/ingest-http/routes/deliveries-schemas.js';
import { EXIT } from '../exit-codes.js';
import { addReplay, addShow, printFound } from '../remote/item-commands.js';
import {
  connectToServer,
  withServerOption,
  type ServerConnection,
} from '../remote/server-connection.js';
import { textTable } from '../text-table.js';
import { wholeNumberFrom } from '../whole-number.js';

interface Flags {
  readonly server?: string;
  readonly state?: string;
  readonly destination?: string;
  readonly study?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

type Delivery = z.infer<typeof listedDeliverySchema>;

const PATH = '/api/v1/deliveries';
const PAGE_SIZE = 500;

const HELP = `
A delivery is one version of a result on its way to one destination. One that was given up (dead) waits
for a person; replay sends it again under the same id, so that a receiver that has it keeps it once. One that
waits for its next attempt (pending) is tried at once by replay, and its schedule begins anew.
A destination that has answered 410 gets nothing more until a delivery to it is replayed, or it is opened
(preread destinations open).

Exit codes:
  ${EXIT.ok}  done
  ${EXIT.failure}  there is no such delivery, it is not to be replayed, or no server answers
  ${EXIT.usage}  wrong arguments

Examples:
  preread deliveries list --state dead
  preread deliveries list --study 1.2.840.99.1 --json
  preread deliveries show 0b9d3c0e-8a5f-4c7f-9a51-2c9d6a1b7e11
  preread deliveries replay 0b9d3c0e-8a5f-4c7f-9a51-2c9d6a1b7e11 --reason "PACS lost it"
  preread deliveries replay --all --destination pacs --reason "PACS is back"
  preread deliveries replay --all --waiting --destination pacs --reason "PACS is back"`;

export function register(program: Command): void {
  const command = program
    .command('deliveries')
    .summary('results on their way to destinations: list, show, replay')
    .description('Results on their way to destinations.')
    .addHelpText('after', HELP);

  withServerOption(command.command('list').description('the newest first'))
    .addOption(new Option('--state <state>', 'in this state only').choices(DELIVERY_STATES))
    .option('--destination <name>', 'to this destination only')
    .option('--study <StudyInstanceUID>', 'of this study only')
    .option('--limit <count>', 'at most so many', wholeNumberFrom(1, 999_999_999), 50)
    .option('--json', 'as JSON', false)
    .action(async (flags: Flags) => {
      const found = await list(await connectToServer(flags, process.env), flags);
      printFound(found, flags.json, table);
    });
  const resource = { path: PATH, schema: listedDeliverySchema };
  addShow(command, resource);
  addReplay(
    command,
    resource,
    {
      description: 'send one again that has ended, or at once one that waits for its next attempt',
      one: 'delivery',
      all: 'all that were given up (of --destination)',
      destination: 'with --all: to this destination only',
    },
    async (server, { destination, waiting }) => {
      const state = waiting === true ? 'pending' : 'dead';
      const found = await list(server, { state, ...(destination && { destination }) });
      return found.map(({ id }) => id);
    },
  ).option('--waiting', 'with --all: those that wait for their next attempt instead', false);
}

/** All pages, up to the limit. */
async function list(
  server: ServerConnection,
  { limit = Infinity, state, destination, study }: Flags,
): Promise<Delivery[]> {
  const found: Delivery[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE_SIZE, limit - found.length)),
      ...(state !== undefined && { state }),
      ...(destination !== undefined && { destination }),
      ...(study !== undefined && { StudyInstanceUID: study }),
      ...(cursor !== undefined && { cursor }),
    });
    const page = await server.call('GET', `${PATH}?${query.toString()}`, deliveryListSchema);
    found.push(...page.deliveries);
    cursor = page.nextCursor;
  } while (cursor !== undefined && found.length < limit);
  return found;
}

function table(found: readonly Delivery[]): string {
  if (found.length === 0) {
    return 'no deliveries';
  }
  return textTable([
    ['id', 'destination', 'state', 'version', 'attempts', 'since', 'next', 'error'],
    ...found.map((delivery) => [
      delivery.id,
      delivery.destination,
      delivery.state,
      String(delivery.resultVersion),
      String(delivery.attempts),
      delivery.createdAt.slice(0, 16),
      delivery.nextAttemptAt?.slice(0, 19) ?? '',
      delivery.lastError ?? '',
    ]),
  ]);
}
