import { Option, type Command } from 'commander';

import { LABEL_FORMATS, type LabelFormatName } from '../../core/evaluation/label-format.js';
import {
  BLANK_POLICIES,
  UNCERTAIN_POLICIES,
  type BlankPolicy,
  type UncertainPolicy,
} from '../../core/evaluation/label-values.js';

/** What every command that joins scores with labels is told. */
export interface LabelFlags {
  readonly scores: string;
  readonly labels: string;
  readonly labelFormat?: LabelFormatName;
  readonly imageColumn?: string;
  readonly patientColumn?: string;
  readonly uncertain: UncertainPolicy;
  readonly blank: BlankPolicy;
  readonly model?: string;
  readonly modelsDir?: string;
}

export const LABEL_HELP = `
Scores are what preread score wrote (.csv, .jsonl) or preread export (.parquet), all of one model.
Labels are recognised by their columns:
  nih       Image Index, Finding Labels          what is not named is negative
  chexpert  Path, Frontal/Lateral, ...           1, 0, -1 (uncertain), blank (not mentioned)
  mimic     subject_id, study_id, ...            by dicom_id where there is one, else by study
  tidy      image, and a column for each finding with 1, 0, -1 or nothing
Names of findings may differ as they do between the sets (Pleural Effusion is Effusion).
Files are joined by name without extension, as many parts of the path as tell the labels apart;
with an image column SOPInstanceUID, by that.`;

export function addLabelOptions(command: Command): Command {
  return command
    .requiredOption('--scores <file>', 'what preread score wrote')
    .requiredOption('--labels <file>', 'CSV of labels')
    .addOption(
      new Option('--label-format <name>', 'instead of by the columns').choices(LABEL_FORMATS),
    )
    .option('--image-column <name>', 'column that names the image')
    .option('--patient-column <name>', 'column that names the patient')
    .addOption(
      new Option('--uncertain <policy>', 'what -1 counts as')
        .choices(UNCERTAIN_POLICIES)
        .default('ignore'),
    )
    .addOption(
      new Option('--blank <policy>', 'what a blank counts as')
        .choices(BLANK_POLICIES)
        .default('ignore'),
    )
    .option('--model <name>', 'name or folder of the model, if not found by the name in the scores')
    .option('--models-dir <folder>', 'folder of further models');
}
