import type { ResultObject } from './destination.js';
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

/** Those that can be read here. A heat map is for whom the site sends it to. */
export const READABLE_OBJECTS = ['sr', 'sc', 'kos', 'gsps'] as const satisfies ResultObject[];

/** The objects of a result, to be read here. Nothing of them is stored: the same result makes the same objects. */
export interface ReadableObjects {
  /** All of them, the summary page blank: quickly made. None when the images have been removed. */
  outline(of: ResultOfStudy): Promise<readonly ResultObjectFile[]>;
  /** The summary page as it is. */
  summaryPage(of: ResultOfStudy): Promise<ResultObjectFile | undefined>;
}
