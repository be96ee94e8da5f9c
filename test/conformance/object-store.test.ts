import { createLocalObjectStore } from '../../adapters/storage/local-object-store.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { describeObjectStore } from './object-store.js';

describeObjectStore('local folder', () =>
  Promise.resolve(createLocalObjectStore({ dataFolder: temporaryFolder(), minFreeBytes: 0 })),
);
