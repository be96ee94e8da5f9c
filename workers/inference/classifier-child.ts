/**
 * Entry of the child processes in which images are read, decoded and classified. Everything that comes
 * from outside is touched here and nowhere else, because only a process can be killed when a decoder or
 * a driver hangs.
 */
import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { serveClassifier } from '../../adapters/inference/child-server.js';
import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { classifierSettingsSchema } from './classifier-settings.js';

serveClassifier(async (settings) => {
  const { model, modelSearchPath, provider, gatePolicy } = classifierSettingsSchema.parse(settings);
  const { bytes, manifest, selfTest } = await loadModel(model, modelSearchPath);
  const session = await createClassifierSession({ bytes, manifest, provider });
  await warmUp(session, manifest, selfTest);
  const { recipe, channels, width, height } = manifest.input;

  return {
    executionProvider: session.executionProvider,
    fallback: session.fallback,
    async classify(source, { cams }) {
      const prepared = await prepareImage(source, {
        recipe,
        inputSize: { channels, width, height },
        gatePolicy,
      });
      if (prepared.kind === 'not-analysed') {
        return prepared;
      }
      const { tensor, gates, identity, readMs, decodeMs, preprocessMs } = prepared;
      const startMs = performance.now();
      const output = await session.run(tensor, { cams });
      const inferMs = performance.now() - startMs;
      const timings = { readMs, decodeMs, preprocessMs, inferMs };
      return { kind: 'scored', ...output, gates, identity, timings };
    },
  };
});
