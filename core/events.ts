import type { DeliverResultResult } from './use-cases/deliver-result.js';
import type { InstanceOutcome } from './results/outcome.js';
import type { StudyResult } from './results/study-result.js';

/**
 * What happens in a pipeline, for whoever watches in the same process (terminal, metrics). Events are told,
 * never relied on: the database is what counts. They carry UIDs and so never leave the process as they are.
 */
export type PipelineEvent =
  | {
      readonly kind: 'instance-finished';
      readonly instanceId: string;
      readonly outcome: InstanceOutcome;
    }
  | { readonly kind: 'study-assembled'; readonly studyId: string; readonly result: StudyResult }
  | {
      readonly kind: 'delivery-attempted';
      readonly deliveryId: string;
      readonly attempt: Exclude<DeliverResultResult, { kind: 'nothing-to-do' }>;
    };

export type PipelineObserver = (event: PipelineEvent) => void;
