import type { Command } from 'commander';

import { runEvaluate, type EvaluateFlags } from '../evaluation/run-evaluate.js';
import { addLabelOptions, LABEL_HELP } from '../evaluation/label-flags.js';
import { wholeNumberFrom } from '../whole-number.js';
import { EXIT } from '../exit-codes.js';
import { endOfRequest } from '../end-of-request.js';

const HELP = `${LABEL_HELP}

The report: AUROC with DeLong and patient-bootstrap intervals, area under precision-recall; sensitivity,
specificity and predictive values with Wilson intervals at the model's operating point (never at a
threshold that these labels chose); calibration; the same by sex, age and view where the labels have
them, and by the columns of --subgroup. docs/evaluation.md says how to read it.

Writes index.html (opens offline, one file), report.json (the same as data), charts/*.svg and
unmatched.csv (rows of either file that found no partner) into the folder.

Exit codes:
  ${EXIT.ok}  the report is there
  ${EXIT.usage}  wrong arguments, files that cannot be read or joined, another model
  ${EXIT.failure}  the report could not be written

Examples:
  preread evaluate --scores scores.csv --labels Data_Entry_2017.csv --out report/
  preread evaluate --scores scores.csv --labels valid.csv --uncertain positive --blank negative --out report/
  preread evaluate --scores scores.jsonl --labels ours.csv --patient-column mrn --subgroup scanner --out report/

Research and evaluation only. Not a medical device.`;

export function register(program: Command): void {
  addLabelOptions(
    program
      .command('evaluate')
      .summary('compare scores with labels: a report with intervals, curves and subgroups')
      .description('Compares scores with labels and writes a report.'),
  )
    .requiredOption('-o, --out <folder>', 'folder of the report')
    .option('--overlay <file>', "the site's overlay; default: PREREAD_MODEL_OVERLAY")
    .option('--operating-point <name>', "another of the model's, such as high-sensitivity")
    .option('--subgroup <column...>', 'further columns to split by', [])
    .option('--min-cell <n>', 'positives and negatives of a subgroup', wholeNumberFrom(2, 1e6), 10)
    .option('--draws <n>', 'of the patient bootstrap', wholeNumberFrom(100, 1e5), 2000)
    .option('--seed <n>', 'of the patient bootstrap', wholeNumberFrom(0, 2 ** 31), 1)
    .option('--force', 'overwrite a report', false)
    .addHelpText('after', HELP)
    .action(async (flags: EvaluateFlags) => {
      process.exitCode = await endOfRequest(() => runEvaluate(flags, process.env));
    });
}
