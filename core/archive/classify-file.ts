import { PipelineError } from '../errors.js';
import type {
  ClassifyOptions,
  ImageClassification,
  ImageClassifier,
} from '../inference/image-classifier.js';

/** How often an image is tried whose process dies or hangs. */
const ATTEMPTS = 2;

/**
 * A file of an archive to its classification: failures that concern the file alone are its outcome. Throws
 * when the engine as a whole has come to its end.
 */
export async function classifyFile(
  classifier: Pick<ImageClassifier, 'classify'>,
  path: string,
  options: ClassifyOptions,
): Promise<ImageClassification> {
  let attempts = 0;
  for (;;) {
    try {
      return await classifier.classify({ path }, options);
    } catch (error) {
      if (!(error instanceof PipelineError) || isEndOfEngine(error)) {
        throw error;
      }
      // An engine that does many images at once may have tried it again itself.
      attempts += Number(error.context['attempts'] ?? 1);
      if (error.failure === 'permanent' || attempts >= ATTEMPTS) {
        return processingFailed(error.code);
      }
    }
  }
}

export function processingFailed(code: PipelineError['code']): ImageClassification {
  const detail = `Processing failed (${code}).`;
  return { kind: 'not-analysed', reason: 'processing-failed', detail, gates: [] };
}

/** No process can be started any more: that is no fact about this image. */
function isEndOfEngine(error: PipelineError): boolean {
  return error.code === 'shutting-down' || error.cause instanceof PipelineError;
}
