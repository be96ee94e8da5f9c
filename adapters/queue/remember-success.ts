/** Does something once and gives everybody the result; after a failure the next one tries again. */
export function rememberSuccess<T>(attempt: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  return () => {
    current ??= attempt().catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    return current;
  };
}
