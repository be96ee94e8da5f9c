import type { SiteRules } from '../../core/rules/site-rules.js';

/**
 * The rules of a file; none without a file, and then neither the YAML parser nor the dictionary of all attributes
 * is loaded: most runs have no rules, and all want their first row soon.
 *
 * @throws PipelineError `config-invalid`
 */
export async function loadSiteRules(path: string | undefined): Promise<SiteRules> {
  if (path === undefined) {
    return [];
  }
  const { readSiteRules } = await import('./read-site-rules.js');
  return readSiteRules(path);
}
