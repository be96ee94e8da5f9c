import type { ResultObjectFile } from './dicom/result-object.js';
import type { SourceStudy } from './dicom/source-study.js';
import type { SinkDelivery } from './result-sink.js';

/** Makes the DICOM objects of a delivery; read and built for each attempt, kept nowhere. */
export type BuildObjects = (delivery: SinkDelivery) => Promise<readonly ResultObjectFile[]>;

/** Patient and study attributes of the image that a delivery speaks of. */
export type ReadSource = (delivery: SinkDelivery) => Promise<SourceStudy>;
