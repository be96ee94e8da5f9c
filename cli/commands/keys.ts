import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';

import { newKeySchema } from '../../core/access/manage-keys.js';
import { SCOPES } from '../../core/access/scopes.js';
import type { Scope } from '../../core/access/scopes.js';
import { PipelineError } from '../../core/errors.js';
import { EXIT } from '../exit-codes.js';
import { openKeyAdministration } from '../keys/key-administration.js';
import type { KeyAdministration } from '../keys/key-administration.js';
import { textTable } from '../text-table.js';
import { withServerOption } from '../remote/server-connection.js';

interface ServerFlag {
  readonly server?: string;
}

const HELP = `
Scopes: ingest (store objects), read (studies and results), review (record a reader's opinion),
admin (keys, queues, repetitions; includes the others).

A server that listens beyond this machine needs keys, and starts only when there is one. Clients send theirs
as "Authorization: Bearer prk_...". The database keeps a hash: a key is shown once, when it is made.
While a server runs on PREREAD_DATA_DIR the commands go through it; else they open the database themselves.

Exit codes:
  ${EXIT.ok}  done
  ${EXIT.failure}  there is no such key, or no server or database answers
  ${EXIT.usage}  wrong arguments

Examples:
  preread keys create --name pacs --scope ingest --scope read
  preread keys list
  preread keys revoke 5f0c1d2e3a4b5c6d`;

export function register(program: Command): void {
  const keys = program
    .command('keys')
    .summary('make, list and revoke the API keys of the server')
    .description('API keys of the server.')
    .addHelpText('after', HELP);

  withServerOption(keys.command('create').description('make a key and print it, this once'))
    .requiredOption('--name <name>', 'what the key is for')
    .addOption(
      new Option('--scope <scope>', `what the key allows: ${SCOPES.join(', ')}; may be repeated`)
        .argParser(addScope)
        .makeOptionMandatory(),
    )
    .action((flags: ServerFlag & { readonly name: string; readonly scope: readonly Scope[] }) =>
      administer(flags, (administration) => create(administration, flags)),
    );
  withServerOption(keys.command('list').description('list the keys, the revoked ones too'))
    .option('--json', 'as JSON', false)
    .action((flags: ServerFlag & { readonly json: boolean }) =>
      administer(flags, (administration) => list(administration, flags.json)),
    );
  withServerOption(keys.command('revoke').description('refuse a key from now on'))
    .argument('<keyId>', 'as "preread keys list" shows it')
    .action((keyId: string, flags: ServerFlag) =>
      administer(flags, async (administration) => {
        await administration.revoke(keyId.replace(/^prk_/, '').replace(/_.*$/, ''));
        console.log('revoked');
      }),
    );
}

function addScope(word: string, before: readonly Scope[] | undefined): readonly Scope[] {
  const scope = SCOPES.find((known) => known === word);
  if (scope === undefined) {
    throw new InvalidArgumentError(`Choose from ${SCOPES.join(', ')}.`);
  }
  return [...(before ?? []), scope];
}

async function administer(
  flags: ServerFlag,
  action: (administration: KeyAdministration) => Promise<void>,
): Promise<void> {
  const administration = await openKeyAdministration(flags, process.env);
  try {
    await action(administration);
  } finally {
    await administration.close();
  }
}

async function create(
  administration: KeyAdministration,
  flags: { readonly name: string; readonly scope: readonly Scope[] },
): Promise<void> {
  const parsed = newKeySchema.safeParse({ name: flags.name, scopes: [...new Set(flags.scope)] });
  if (!parsed.success) {
    throw new PipelineError('config-invalid', z.prettifyError(parsed.error));
  }
  const created = await administration.create(parsed.data);
  // The key alone on standard output, so that a script can take it.
  console.error(`Key ${created.keyId} (${created.scopes.join(', ')}). It is not shown again:`);
  console.log(created.key);
}

async function list(administration: KeyAdministration, json: boolean): Promise<void> {
  const keys = await administration.list();
  if (json) {
    console.log(JSON.stringify(keys, null, 2));
    return;
  }
  const rows = keys.map(({ keyId, name, scopes, createdAt, lastUsedAt, revokedAt }) => [
    keyId,
    name,
    scopes.join(','),
    createdAt.slice(0, 16),
    lastUsedAt?.slice(0, 16) ?? 'never',
    revokedAt === undefined ? '' : `revoked ${revokedAt.slice(0, 16)}`,
  ]);
  console.log(textTable([['key', 'name', 'scopes', 'made', 'last used', ''], ...rows]));
}
