import type { ScoringFacts } from '../../core/archive/scoring-facts.js';
import type { ImageClassifier } from '../../core/inference/image-classifier.js';
import { silentLogger, type Logger } from '../../core/log.js';
import { openClassifier, type ClassifierConfig } from '../../workers/inference/open-classifier.js';
import { scoringFacts } from '../../workers/inference/scoring-facts.js';
import { tunedConfig } from '../../workers/inference/tuned-config.js';
import { describeEngine } from '../describe-engine.js';

/** What scores the files of a run: processes of its own, or a fleet. */
export interface ScoringEngine {
  readonly classifier: ImageClassifier;
  readonly facts: ScoringFacts;
  /** One line for people, without a full stop. */
  readonly description: string;
  close(): Promise<void>;
}

/**
 * Processes of this run's own, set up as said and, where nothing is said, as preread tune found. With pictures, `cams`, each
 * answer is large, and none is kept for others. `notify` gets what people should know. Throws what `openClassifier` throws.
 */
export async function openLocalEngine(
  untuned: ClassifierConfig,
  { cams }: { readonly cams: boolean },
  notify: (text: string) => void,
): Promise<ScoringEngine> {
  const { config, stale } = await tunedConfig(untuned);
  if (stale !== undefined) {
    notify(stale);
  }
  const open = await openClassifier({ logger: startFailureLogger(notify) }, config, {
    startWith: 'first',
    purpose: cams ? 'latency' : 'throughput',
  });
  return {
    classifier: open.classifier,
    facts: scoringFacts(open, config),
    description: describeEngine(open),
    close: () => open.classifier.close(),
  };
}

/** Tells once that a process does not start although another one has; rows say what else happens. */
function startFailureLogger(notify: (text: string) => void): Logger {
  let told = false;
  return {
    ...silentLogger,
    warn({ whileStarting, code }) {
      if (whileStarting === true && !told) {
        told = true;
        notify(`An inference process does not start (${String(code)}): the others do its work.`);
      }
    },
  };
}
