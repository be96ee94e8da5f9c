import { invalidCheckpoint } from '../../core/pytorch/checkpoint-error.js';
import { isLegacyContainer, readLegacyContainer } from '../../core/pytorch/legacy-container.js';
import { stateDictOf, type StateDict } from '../../core/pytorch/state-dict.js';
import { isZip, readZipContainer } from './zip-container.js';

/**
 * The weights in a file of torch.save, in either container, of a whole module or a state dict. Nothing in
 * the file is executed. Throws `checkpoint-invalid`.
 */
export async function readCheckpoint(data: Buffer): Promise<StateDict> {
  if (isZip(data)) {
    return stateDictOf(await readZipContainer(data));
  }
  if (isLegacyContainer(data)) {
    return stateDictOf(readLegacyContainer(data));
  }
  throw invalidCheckpoint('it is no file of torch.save');
}
