/**
 * Makes the packed empty database that `preread serve` starts from when it keeps its own database; without it the
 * first start runs initdb, which takes ten times as long. Part of `npm run build`.
 */
import { buildTemplate } from '../adapters/database/pglite/cluster-template.js';

await buildTemplate();
