import type { ResultObjectFile } from './dicom/result-object.js';
import type { SourceStudy } from './dicom/source-study.js';
import type { SinkDelivery } from './result-sink.js';

/** A result and the study that it is of. */
export type ResultOfStudy = Pick<SinkDelivery, 'studyId' | 'result'>;

/** Makes the DICOM objects of a delivery; read and built for each attempt, kept nowhere. */
export type BuildObjects = (delivery: ResultOfStudy) => Promise<readonly ResultObjectFile[]>;

/** Patient and study attributes of the image that a delivery speaks of. */
export type ReadSource = (delivery: ResultOfStudy) => Promise<SourceStudy>;

/** The same; undefined when the retention rules have removed the images. */
export type FindSource = (of: ResultOfStudy) => Promise<SourceStudy | undefined>;
