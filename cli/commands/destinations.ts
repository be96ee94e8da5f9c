import { readFileSync } from 'node:fs';

import type { Command } from 'commander';
import { parse } from 'yaml';
import type { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import {
  destinationListSchema,
  openedSchema,
  shownDestinationSchema,
  type listedDestinationSchema,
} from '../../services/ingest-http/routes/destinations-schemas.js';
import { EXIT } from '../exit-codes.js';
import { addShow, printFound } from '../remote/item-commands.js';
import { connectToServer, withServerOption } from '../remote/server-connection.js';
import { textTable } from '../text-table.js';

interface Flags {
  readonly server?: string;
}

const PATH = '/api/v1/destinations';

const HELP = `
Destinations stand in the file of PREREAD_DESTINATIONS, or are set here, while preread runs: every process has a
change within seconds. What the file has is changed there alone. A file for "set" holds one destination in YAML
or JSON, with the fields of docs/integration/README.md and without its name; or a list "destinations:" in which it
stands by its name.

Secrets are references: env:PREREAD_SECRET_..., a variable of the processes that deliver, or file:PATH in their
PREREAD_SECRETS_DIR. Private networks are reached where PREREAD_DESTINATION_NETWORKS allows it.

A destination that has answered 410 gets nothing more until a delivery to it is replayed, or it is opened.
What is on its way to one that is removed is given up (dead) at its next attempt, and may be replayed when
it is set again.

Exit codes:
  ${EXIT.ok}  done
  ${EXIT.failure}  there is no such destination, it is not to be changed here or not valid, or no server answers
  ${EXIT.usage}  wrong arguments

Examples:
  preread destinations list
  preread destinations set ris --file ris.yaml
  preread destinations show ris
  preread destinations open ris --reason "new receiver"
  preread destinations remove ris`;

export function register(program: Command): void {
  const command = program
    .command('destinations')
    .summary('where results go: list, show, set, remove, open')
    .description('Where results go.')
    .addHelpText('after', HELP);

  withServerOption(command.command('list').description('those of the server that answers'))
    .option('--json', 'as JSON', false)
    .action(async (flags: Flags & { readonly json: boolean }) => {
      const server = await connectToServer(flags, process.env);
      const { destinations } = await server.call('GET', PATH, destinationListSchema);
      printFound(destinations, flags.json, table);
    });
  addShow(command, { path: PATH, schema: shownDestinationSchema, id: 'name' });
  withServerOption(command.command('set').description('make one, or replace it'))
    .argument('<name>')
    .requiredOption('--file <path>', 'YAML or JSON file of the destination')
    .action(async (name: string, { file, ...flags }: Flags & { readonly file: string }) => {
      const definition = readDefinition(file, name);
      const server = await connectToServer(flags, process.env);
      const { kind, address } = await server.call(
        'PUT',
        pathOf(name),
        shownDestinationSchema,
        definition,
      );
      console.log(`${name} is set: ${kind} to ${address}`);
    });
  withServerOption(command.command('remove').description('send nothing more there'))
    .argument('<name>')
    .action(async (name: string, flags: Flags) => {
      const server = await connectToServer(flags, process.env);
      await server.send(pathOf(name), { method: 'DELETE' });
      console.log(`${name} is removed`);
    });
  withServerOption(command.command('open').description('send to one again that was gone'))
    .argument('<name>')
    .option('--reason <text>', 'why, for the audit log', 'opened by the operator')
    .action(async (name: string, { reason, ...flags }: Flags & { readonly reason: string }) => {
      const server = await connectToServer(flags, process.env);
      const path = `${pathOf(name)}/open`;
      const { opened } = await server.call('POST', path, openedSchema, { reason });
      console.log(`${opened} gets results again; replay what was given up meanwhile`);
    });
}

function pathOf(name: string): string {
  return `${PATH}/${encodeURIComponent(name)}`;
}

/** What is in it is for the server to judge. */
function readDefinition(file: string, name: string): unknown {
  const content = readYaml(file);
  if (!isObject(content) || !Array.isArray(content['destinations'])) {
    return content;
  }
  const found: unknown = content['destinations'].find(
    (one) => isObject(one) && one['name'] === name,
  );
  if (found === undefined) {
    throw new PipelineError('config-invalid', `${file} has no destination named ${name}.`);
  }
  return found;
}

function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PipelineError('file-unreadable', `The file ${file} cannot be read.`, { cause });
  }
  try {
    return parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    throw new PipelineError('config-invalid', `${file} is not YAML: ${reason}`, { cause: error });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function table(found: readonly z.infer<typeof listedDestinationSchema>[]): string {
  if (found.length === 0) {
    return 'no destinations';
  }
  return textTable([
    ['name', 'kind', 'address', 'results', 'order', 'set by', 'state'],
    ...found.map(({ results, order, source, ...destination }) => [
      destination.name,
      destination.kind,
      destination.address,
      Object.entries(results)
        .map(([filter, wanted]) => `${filter}: ${[wanted].flat().join(' ')}`)
        .join('; ') || 'default',
      String(order),
      source,
      stateOf(destination),
    ]),
  ]);
}

function stateOf({
  enabled,
  closedAt,
  problem,
}: Pick<z.infer<typeof listedDestinationSchema>, 'enabled' | 'closedAt' | 'problem'>): string {
  if (problem !== undefined) {
    return `not usable here: ${problem}`;
  }
  return closedAt !== undefined ? `closed ${closedAt.slice(0, 16)}` : enabled ? 'open' : 'off';
}
