import { joinScores, type LabelledData } from './labelled-data.js';
import type { LabelFlags } from './label-flags.js';
import { readLabels, type Labels } from './read-labels.js';
import { readScoreFile, type ScoreRow } from './score-file.js';
import { findScoredModel, sameModelOnly, type ScoredModel } from './scored-model.js';

export interface LabelledScoreFile extends LabelledData {
  readonly model: ScoredModel;
  readonly labels: Labels;
}

/** Reads and joins a score file and a label file, and finds the model of the scores. */
export async function loadLabelledScores(
  flags: LabelFlags,
  more: { readonly overlay?: string | undefined; readonly subgroups: readonly string[] },
  env: Readonly<Record<string, string | undefined>>,
): Promise<LabelledScoreFile> {
  const model = await findScoredModel({ ...flags, overlay: more.overlay }, env);
  const labels = await readLabels(flags.labels, {
    format: flags.labelFormat,
    imageColumn: flags.imageColumn,
    patientColumn: flags.patientColumn,
    subgroups: more.subgroups,
    policies: { uncertain: flags.uncertain, blank: flags.blank },
    findings: model.manifest.findings.map(({ key }) => key),
  });
  const check = sameModelOnly(flags.scores, model.text);
  async function* checked(): AsyncGenerator<ScoreRow> {
    for await (const row of readScoreFile(flags.scores)) {
      check(row);
      yield row;
    }
  }
  return { model, labels, ...(await joinScores(checked(), labels, model.manifest)) };
}
