import type { StudyResult } from '../results/study-result.js';

/**
 * What a reader of the result must know of its images, in English sentences without repetitions: why some were not
 * analysed, and what the gates and the site's rules say of those that were.
 */
export function remarks({ instances }: Pick<StudyResult, 'instances'>): readonly string[] {
  const sentences = instances.flatMap(({ outcome }) =>
    outcome.kind === 'not-analysed'
      ? [`Not analysed: ${outcome.reason}.`]
      : outcome.warnings.map(({ detail }) => detail),
  );
  return [...new Set(sentences)];
}
