import { join } from 'node:path';

import { catalogueSchema, type Catalogue } from '../../core/models/catalogue.js';
import { shippedModelsFolder } from './find-model.js';
import { readJson } from './read-json.js';

/** The published weights that this version of the software knows. */
export function readCatalogue(): Promise<Catalogue> {
  return readJson(join(shippedModelsFolder, 'catalogue.json'), catalogueSchema);
}
