import { sequence, text, type DataElement } from '../../dicom/elements.js';
import type { Code } from './codes.js';

/** An image that content refers to. */
export interface ImageReference {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
}

export type Relationship =
  'CONTAINS' | 'HAS OBS CONTEXT' | 'HAS CONCEPT MOD' | 'HAS ACQ CONTEXT' | 'INFERRED FROM';

/** One item of an SR tree below the root. Source: PS3.3 C.17.3. */
export interface ContentItem {
  readonly relationship: Relationship;
  /** Images in an image library have no name. */
  readonly name?: Code;
  readonly value:
    | { readonly type: 'CODE'; readonly code: Code }
    | { readonly type: 'TEXT'; readonly text: string }
    | { readonly type: 'UIDREF'; readonly uid: string }
    | { readonly type: 'NUM'; readonly number: number; readonly unit: Code }
    | { readonly type: 'IMAGE'; readonly image: ImageReference }
    | { readonly type: 'CONTAINER'; readonly template?: string };
  readonly children?: readonly ContentItem[];
}

export function code(relationship: Relationship, name: Code, value: Code): ContentItem {
  return { relationship, name, value: { type: 'CODE', code: value } };
}

export function words(relationship: Relationship, name: Code, value: string): ContentItem {
  return { relationship, name, value: { type: 'TEXT', text: value } };
}

export function container(
  name: Code,
  children: readonly ContentItem[],
  template?: string,
): ContentItem {
  return {
    relationship: 'CONTAINS',
    name,
    value: { type: 'CONTAINER', ...(template !== undefined && { template }) },
    children,
  };
}

/** The root container with its tree, as elements of the data set. */
export function rootElements(
  name: Code,
  template: string,
  children: readonly ContentItem[],
): DataElement[] {
  return [
    text(0x0040a040, 'CS', 'CONTAINER'),
    sequence(0x0040a043, codeItem(name)),
    text(0x0040a050, 'CS', 'SEPARATE'),
    templateElement(template),
    sequence(0x0040a730, ...children.map(itemElements)),
  ];
}

/** Code Sequence Macro (PS3.3 8.8): values longer than SH stand in Long Code Value. */
export function codeItem({ value, scheme, meaning }: Code): DataElement[] {
  return [
    value.length <= 16 ? text(0x00080100, 'SH', value) : text(0x00080119, 'UC', value),
    text(0x00080102, 'SH', scheme),
    text(0x00080104, 'LO', meaning.slice(0, 64)),
  ];
}

export function imageItem({ SOPClassUID, SOPInstanceUID }: ImageReference): DataElement[] {
  return [text(0x00081150, 'UI', SOPClassUID), text(0x00081155, 'UI', SOPInstanceUID)];
}

/** A number in the 16 characters of a Decimal String; probabilities need no more than nine digits. */
export function decimalString(value: number): string {
  const plain = String(value);
  return plain.length <= 16 ? plain : String(Number(value.toPrecision(9)));
}

function itemElements({ relationship, name, value, children }: ContentItem): DataElement[] {
  return [
    text(0x0040a010, 'CS', relationship),
    text(0x0040a040, 'CS', value.type),
    ...(name ? [sequence(0x0040a043, codeItem(name))] : []),
    ...valueElements(value),
    ...(children && children.length > 0
      ? [sequence(0x0040a730, ...children.map(itemElements))]
      : []),
  ];
}

function valueElements(value: ContentItem['value']): DataElement[] {
  switch (value.type) {
    case 'CODE':
      return [sequence(0x0040a168, codeItem(value.code))];
    case 'TEXT':
      return [text(0x0040a160, 'UT', value.text)];
    case 'UIDREF':
      return [text(0x0040a124, 'UI', value.uid)];
    case 'NUM':
      return [
        sequence(0x0040a300, [
          sequence(0x004008ea, codeItem(value.unit)),
          text(0x0040a30a, 'DS', decimalString(value.number)),
        ]),
      ];
    case 'IMAGE':
      return [sequence(0x00081199, imageItem(value.image))];
    case 'CONTAINER':
      return [
        text(0x0040a050, 'CS', 'SEPARATE'),
        ...(value.template === undefined ? [] : [templateElement(value.template)]),
      ];
  }
}

function templateElement(identifier: string): DataElement {
  return sequence(0x0040a504, [text(0x00080105, 'CS', 'DCMR'), text(0x0040db00, 'CS', identifier)]);
}
