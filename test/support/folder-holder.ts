/** Run as a process of its own: takes the lock of a data folder, says so, and keeps it until it is ended. */
import { lockDataFolder } from '../../adapters/database/data-folder-lock.js';

const lock = await lockDataFolder(process.argv[2] ?? '', () => {
  console.log('lost');
});
console.log('locked');
process.once('SIGTERM', () => {
  void lock.release().then(() => process.exit(0));
});
setInterval(() => undefined, 1_000);
