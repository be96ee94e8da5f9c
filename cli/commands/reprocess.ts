import type { Command } from 'commander';

import { reprocessedSchema } from '../../services/ingest-http/routes/operations-schemas.js';
import { EXIT } from '../exit-codes.js';
import { connectToServer, withServerOption } from '../remote/server-connection.js';

const HELP = `
The images of the study go through the model again. The result is a new version that amends the last one and
carries the reason; it is delivered as every result is.

Exit codes:
  ${EXIT.ok}  the images are queued again
  ${EXIT.failure}  no such study, it is still being analysed, its images were purged, or no server answers
  ${EXIT.usage}  wrong arguments

Example:
  preread reprocess 2.25.123456789 --reason "new model"`;

export function register(program: Command): void {
  withServerOption(program.command('reprocess'))
    .summary('do a study again, with a reason')
    .description('Does a study again.')
    .argument('<StudyInstanceUID>', 'the study')
    .requiredOption('--reason <text>', 'why; it stands in the result and in the audit log')
    .addHelpText('after', HELP)
    .action(
      async (
        StudyInstanceUID: string,
        flags: { readonly server?: string; readonly reason: string },
      ) => {
        const server = await connectToServer(flags, process.env);
        const path = `/api/v1/studies/${encodeURIComponent(StudyInstanceUID)}/reprocess`;
        const { instances } = await server.call('POST', path, reprocessedSchema, {
          reason: flags.reason,
        });
        console.log(`${instances} image${instances === 1 ? '' : 's'} queued again`);
      },
    );
}
