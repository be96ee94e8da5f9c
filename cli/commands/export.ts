import { Option, type Command } from 'commander';

import { endOfRequest } from '../end-of-request.js';
import { EXIT } from '../exit-codes.js';
import { EXPORT_FORMATS, runExport, type ExportFlags } from '../export/run-export.js';

const HELP = `
Formats, one row for each row of the scores:
  chexpert  Path, Sex, Age, Frontal/Lateral, AP/PA and the 14 columns of CheXpert, with raw probabilities
            (demographics and findings that the model does not have are blank)
  txrv      filename and the 18 targets of TorchXRayVision, normalised as it does: 0.5 is the operating
            point of the model (or of the overlay), not a probability
  parquet   all columns of the scores, for pandas, DuckDB, Spark; preread evaluate reads it back

Exit codes:
  ${EXIT.ok}  the file is there
  ${EXIT.usage}  wrong arguments, or scores that cannot be read
  ${EXIT.failure}  the file could not be written

Examples:
  preread export --scores scores.csv --format parquet --out scores.parquet
  preread export --scores scores.jsonl --format txrv --out predictions.csv`;

export function register(program: Command): void {
  program
    .command('export')
    .summary('rewrite scores as CheXpert-shaped CSV, TorchXRayVision-shaped CSV or Parquet')
    .description("Rewrites scores for researchers' tools.")
    .requiredOption('--scores <file>', 'what preread score wrote')
    .addOption(
      new Option('--format <name>', 'shape of the output')
        .choices(EXPORT_FORMATS)
        .makeOptionMandatory(),
    )
    .requiredOption('-o, --out <file>', 'the output')
    .option('--model <name>', 'name or folder of the model, if not found by the name in the scores')
    .option('--models-dir <folder>', 'folder of further models')
    .option('--overlay <file>', "the site's overlay; default: PREREAD_MODEL_OVERLAY")
    .option('--force', 'overwrite the output', false)
    .addHelpText('after', HELP)
    .action(async (flags: ExportFlags) => {
      process.exitCode = await endOfRequest(() => runExport(flags, process.env));
    });
}
