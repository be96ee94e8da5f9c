import { loadModel, readModelFolder, type LoadedModel } from '../../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import type { Precision } from '../../core/inference/model-manifest.js';
import type { ModelsFolder } from './models-folder.js';
import { comparePublished } from './published-scores.js';

/** `preread models verify`: hash, graph and self-test of every form; published scores of an image. */
export async function verifyModel(
  name: string,
  { searchPath }: ModelsFolder,
  { image }: { readonly image?: string | true },
): Promise<void> {
  const { folder, manifest } = await readModelFolder(name, searchPath);
  const forms: Precision[] = ['fp32', ...(manifest.variants ?? []).map((v) => v.precision)];
  for (const precision of forms) {
    const model = await loadModel(folder, [], { precision, fastInt8: true });
    const { provider, cases } = await selfTested(model, async (session) => {
      if (image !== undefined && precision === 'fp32') {
        await comparePublished(image, model, session, print);
      }
    });
    print(`${precision}  ${model.weights.file.path}`);
    print(`  SHA-256 ${model.weights.file.sha256}: as the manifest says`);
    print(`  graph: as the manifest says, on ${provider}`);
    print(`  self-test: ${cases === 0 ? 'there is none' : `${cases} cases reproduced`}`);
  }
  print(`${manifest.name}@${manifest.version} is in order.`);
}

async function selfTested(
  { bytes, manifest, selfTest }: LoadedModel,
  andThen: (session: ClassifierSession) => Promise<void>,
): Promise<{ provider: string; cases: number }> {
  const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  try {
    await warmUp(session, manifest, selfTest);
    await andThen(session);
    return { provider: session.executionProvider, cases: selfTest?.cases.length ?? 0 };
  } finally {
    await session.release();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
