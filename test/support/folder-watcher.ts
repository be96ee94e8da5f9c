/** Run as a process of its own: takes a folder to watch, says so, and keeps it until it is ended. */
import { openFinishedFiles } from '../../services/ingest-folder/finished-files.js';

const [, , folder = '', stateFolder = ''] = process.argv;
await openFinishedFiles({ folder, keep: false, stateFolder });
console.log('watching');
setInterval(() => undefined, 1_000);
