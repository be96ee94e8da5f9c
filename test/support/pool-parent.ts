/**
 * A process that opens a classifier, tells the pids of its children, hands over one image and waits: to
 * be killed by a test. Arguments: model folder, image.
 */
import { silentLogger } from '../../core/log.js';
import { openClassifier } from '../../workers/inference/open-classifier.js';
import { classifierConfig } from './classifier-config.js';

const [model = '', image = ''] = process.argv.slice(2);
const { classifier } = await openClassifier({ logger: silentLogger }, classifierConfig(model));
const classification = classifier.classify({ path: image });
console.log(JSON.stringify(classifier.processIds));
await classification;
