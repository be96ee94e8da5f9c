/** Reads a STOW-RS response dataset (DICOM JSON model) for assertions. */
export interface StoreAnswer {
  /** SOPInstanceUIDs of ReferencedSOPSequence. */
  readonly stored: readonly string[];
  /** SOPInstanceUID and FailureReason of FailedSOPSequence. */
  readonly failed: Readonly<Record<string, number>>;
  /** FailureReasons of OtherFailuresSequence. */
  readonly other: readonly number[];
}

type Item = Record<string, { Value?: unknown[] } | undefined>;

export function readStoreAnswer(body: string): StoreAnswer {
  const dataset = JSON.parse(body) as Item;
  const failed = items(dataset, '00081198').map((item): [string, number] => [
    String(item['00081155']?.Value?.[0]),
    Number(item['00081197']?.Value?.[0]),
  ]);
  return {
    stored: items(dataset, '00081199').map((item) => String(item['00081155']?.Value?.[0])),
    failed: Object.fromEntries(failed),
    other: items(dataset, '0008119A').map((item) => Number(item['00081197']?.Value?.[0])),
  };
}

function items(dataset: Item, tag: string): Item[] {
  return (dataset[tag]?.Value ?? []) as Item[];
}
