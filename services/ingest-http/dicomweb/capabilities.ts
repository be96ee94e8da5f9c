import { z } from 'zod';

import { escapeMarkup } from '../../../core/evaluation/report/markup.js';

/** A resource in the hierarchy of Web Application Description Language, as PS3.18 H has it. */
export interface WadlResource {
  readonly path: string;
  readonly method: WadlMethod[];
  readonly resource: WadlResource[];
}

interface WadlMethod {
  readonly name: string;
  readonly id: string;
  readonly param: readonly WadlParam[];
  /** Media types of the body. */
  readonly request: readonly string[];
  readonly response: readonly { readonly status: string; readonly mediaTypes: readonly string[] }[];
}

interface WadlParam {
  readonly name: string;
  readonly style: 'query' | 'header';
}

const NAMESPACE = 'http://wadl.dev.java.net/2009/02';
const METHODS = ['get', 'post', 'options'] as const;

const contentSchema = z.record(z.string(), z.unknown()).optional();
const operationSchema = z.object({
  operationId: z.string(),
  parameters: z.array(z.object({ name: z.string(), in: z.string() })).optional(),
  requestBody: z.object({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.object({ content: contentSchema })),
});
const pathSchema = z.partialRecord(z.enum(METHODS), operationSchema);

/**
 * The web services below a base path, as our OpenAPI description has them, in the hierarchy of their paths.
 *
 * @param paths of an OpenAPI 3.1 document
 * @param base without a slash at its end, as `/dicom-web`
 */
export function describeCapabilities(
  paths: Readonly<Record<string, unknown>>,
  base: string,
): readonly WadlResource[] {
  const root: WadlResource = { path: '/', method: [], resource: [] };
  for (const [path, operations] of Object.entries(paths)) {
    if (path === base || path.startsWith(`${base}/`)) {
      let resource = root;
      for (const segment of path.slice(base.length).split('/').slice(1)) {
        resource = childOf(resource, segment);
      }
      const known = pathSchema.parse(operations);
      for (const name of METHODS) {
        const operation = known[name];
        if (operation !== undefined) {
          resource.method.push(methodOf(name, operation));
        }
      }
    }
  }
  const { resource: below, ...own } = root;
  return [{ ...own, resource: [] }, ...below];
}

/** @param baseUrl of the services, absolute */
export function toWadl(resources: readonly WadlResource[], baseUrl: string): string {
  const root = element('resources', { base: `${baseUrl}/` }, resources.map(resourceMarkup));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('application', { xmlns: NAMESPACE }, [root])}\n`;
}

function childOf(parent: WadlResource, path: string): WadlResource {
  let child = parent.resource.find((one) => one.path === path);
  if (child === undefined) {
    child = { path, method: [], resource: [] };
    parent.resource.push(child);
  }
  return child;
}

function methodOf(
  name: (typeof METHODS)[number],
  { operationId, parameters = [], requestBody, responses }: z.infer<typeof operationSchema>,
): WadlMethod {
  return {
    name: name.toUpperCase(),
    id: operationId,
    param: parameters.flatMap(({ name: param, in: style }) =>
      style === 'query' || style === 'header' ? [{ name: param, style }] : [],
    ),
    request: Object.keys(requestBody?.content ?? {}),
    response: Object.entries(responses).map(([status, { content }]) => ({
      status,
      mediaTypes: Object.keys(content ?? {}),
    })),
  };
}

function resourceMarkup({ path, method, resource }: WadlResource): string {
  const template = /^\{(.+)\}$/.exec(path)?.[1];
  return element('resource', { path }, [
    ...(template === undefined
      ? []
      : [element('param', { name: template, style: 'template', required: 'true' })]),
    ...method.map(methodMarkup),
    ...resource.map(resourceMarkup),
  ]);
}

function methodMarkup({ name, id, param, request, response }: WadlMethod): string {
  const asked = [
    ...param.map((one) => element('param', { ...one })),
    ...request.map(representation),
  ];
  return element('method', { name, id }, [
    ...(asked.length === 0 ? [] : [element('request', {}, asked)]),
    ...response.map(({ status, mediaTypes }) =>
      element('response', { status }, mediaTypes.map(representation)),
    ),
  ]);
}

function representation(mediaType: string): string {
  return element('representation', { mediaType });
}

function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeMarkup(value)}"`)
    .join('');
  return children.length === 0
    ? `<${name}${written}/>`
    : `<${name}${written}>${children.join('')}</${name}>`;
}
