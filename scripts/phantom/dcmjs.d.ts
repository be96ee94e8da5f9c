/** The part of dcmjs 0.51.1 that we use; the package ships no types. */
declare module 'dcmjs' {
  /** One element of dcmjs's JSON model: `vr` and an array of values. */
  interface DcmjsElement {
    vr: string;
    Value?: unknown;
  }

  interface DcmjsDictionaryEntry {
    tag: string;
    vr: string;
    name: string;
  }

  interface DcmjsData {
    DicomMetaDictionary: {
      nameMap: Readonly<Record<string, DcmjsDictionaryEntry | undefined>>;
      /** By tag as `(GGGG,EEEE)`. */
      dictionary: Readonly<Record<string, DcmjsDictionaryEntry | undefined>>;
      denaturalizeDataset(dataset: Readonly<Record<string, unknown>>): Record<string, DcmjsElement>;
    };
    DicomDict: new (meta: Record<string, DcmjsElement>) => {
      dict: Record<string, DcmjsElement>;
      write(options?: {
        allowInvalidVRLength?: boolean;
        fragmentMultiframe?: boolean;
      }): ArrayBuffer;
    };
  }

  const dcmjs: { data: DcmjsData };
  export default dcmjs;
}
