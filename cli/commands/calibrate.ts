import { Option, type Command } from 'commander';

import { CALIBRATION_METHODS } from '../../core/evaluation/fit-overlay-finding.js';
import { endOfRequest } from '../end-of-request.js';
import { addLabelOptions, LABEL_HELP } from '../evaluation/label-flags.js';
import { wholeNumberFrom } from '../whole-number.js';
import { runCalibrate, type CalibrateFlags } from '../evaluation/run-calibrate.js';
import { EXIT } from '../exit-codes.js';

const HELP = `${LABEL_HELP}

The criterion is to be fixed before the labels are looked at:
  youden              largest sensitivity + specificity
  'sensitivity>=0.95' highest threshold with at least that sensitivity
  'specificity>=0.9'  lowest threshold with at least that specificity
  'flag-rate<=0.1'    lowest threshold that flags no more than that share of the images

Findings with too few patients keep the model's threshold and calibration; withheld ones stay withheld.
The figures that are printed and stored are cross-validated by patient. The overlay is bound to the
SHA-256 of the weights: preread serve, score and evaluate take it by PREREAD_MODEL_OVERLAY and refuse to
start with any other model. Results name it.

Exit codes:
  ${EXIT.ok}  the overlay is there
  ${EXIT.usage}  wrong arguments, files that cannot be read or joined, too few patients
  ${EXIT.failure}  the overlay could not be written

Examples:
  preread calibrate --scores scores.csv --labels ours.csv --criterion 'sensitivity>=0.9' --out overlay.json
  PREREAD_MODEL_OVERLAY=overlay.json preread serve

Research and evaluation only. Not a medical device.`;

export function register(program: Command): void {
  addLabelOptions(
    program
      .command('calibrate')
      .summary("fit a site's operating points and calibration on its own labels")
      .description("Fits operating points and calibration on a site's own labelled scores."),
  )
    .requiredOption('-o, --out <file>', 'the overlay, JSON')
    .option('--name <name>', 'of the overlay, in results', 'site')
    .option('--overlay-version <version>', 'of the overlay', '1.0.0')
    .option('--criterion <rule>', 'that chooses the operating points', 'youden')
    .addOption(
      new Option('--calibration <method>', 'of probabilities')
        .choices(CALIBRATION_METHODS)
        .default('platt'),
    )
    .option('--min-patients <n>', 'with a finding, and without', wholeNumberFrom(5, 1e6), 20)
    .option('--folds <n>', 'of the cross-validation', wholeNumberFrom(2, 20), 5)
    .option('--seed <n>', 'of the folds', wholeNumberFrom(0, 2 ** 31), 1)
    .option('--force', 'overwrite an overlay', false)
    .addHelpText('after', HELP)
    .action(async (flags: CalibrateFlags) => {
      process.exitCode = await endOfRequest(() => runCalibrate(flags, process.env));
    });
}
