/**
 * Entry of the child processes in which images are read, decoded and classified. Everything that comes
 * from outside is touched here and nowhere else, because only a process can be killed when a decoder or
 * a driver hangs.
 */
import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { serveClassifier } from '../../adapters/inference/child-server.js';
import { runOodGate } from '../../core/gating/ood-gate.js';
import { invertedTensor, runPixelGates } from '../../core/gating/pixel-gates.js';
import type { GateResult } from '../../core/gating/gate.js';
import { invertedPicture } from '../../core/imaging/render-picture.js';
import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import { classifierSettingsSchema } from './classifier-settings.js';
import { openSession } from './open-session.js';

/** Longer side of a picture for people, in pixels: enough for a map of few cells, small enough to send. */
const PICTURE_SIDE = 1024;

serveClassifier(async (settings) => {
  const parsed = classifierSettingsSchema.parse(settings);
  const { decode, gatePolicy, siteRules } = parsed;
  const { session, manifest, engine, fallback } = await openSession(parsed);
  const { recipe, channels, width, height, range } = manifest.input;

  return {
    engine,
    fallback,
    async classify(source, { cams }) {
      const prepared = await prepareImage(source, {
        recipe,
        inputSize: { channels, width, height },
        decode,
        gatePolicy,
        siteRules,
        pictureSide: cams ? PICTURE_SIDE : undefined,
      });
      if (prepared.kind === 'not-analysed') {
        return prepared;
      }
      const { identity, readMs, decodeMs, preprocessMs } = prepared;
      const facts = identity === undefined ? {} : { identity };
      const byPixels = runPixelGates(prepared.tensor, { size: width, range }, gatePolicy);
      const gates = [...prepared.gates, ...byPixels.gates];
      const refusal = refusalOf(gates, facts);
      if (refusal !== undefined) {
        return refusal;
      }
      const tensor = byPixels.invert ? invertedTensor(prepared.tensor, range) : prepared.tensor;
      const startMs = performance.now();
      const { ood, ...output } = await session.run(tensor, { cams });
      const inferMs = performance.now() - startMs;
      const byModel = runOodGate(ood, manifest, gatePolicy);
      if (byModel !== undefined) {
        gates.push(byModel);
      }
      const timings = { readMs, decodeMs, preprocessMs, inferMs };
      const picture = prepared.picture && {
        picture: byPixels.invert ? invertedPicture(prepared.picture) : prepared.picture,
      };
      return (
        refusalOf(gates, facts) ?? {
          kind: 'scored',
          ...output,
          ...picture,
          gates,
          ...facts,
          timings,
        }
      );
    },
  };
});

/** The outcome of an image of whose gates one refuses. */
function refusalOf(
  gates: readonly GateResult[],
  facts: Pick<ImageClassification, 'identity'>,
): ImageClassification | undefined {
  const refusal = gates.find(({ verdict }) => verdict === 'refuse');
  return (
    refusal?.reason && {
      kind: 'not-analysed',
      reason: refusal.reason,
      detail: refusal.detail ?? NOT_ANALYSED[refusal.reason],
      gates,
      ...facts,
    }
  );
}
