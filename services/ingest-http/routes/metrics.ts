import type { RequestHandler } from 'express';

/** The figures of this process in Prometheus' text format. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** No figure says anything of a patient or a study, so that whoever may watch the service may read it. */
export function getMetrics(page: MetricsPage): RequestHandler {
  return async (_request, response) => {
    response.type(page.contentType).send(await page.text());
  };
}
