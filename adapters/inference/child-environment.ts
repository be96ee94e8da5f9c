/** What a process needs to start, find its libraries and see its GPU. */
const PASSED_ON = [
  /^(PATH|HOME|LANG|LC_ALL|TZ|TMPDIR|TEMP|TMP)$/,
  /^(SystemRoot|windir)$/i,
  /^(LD_LIBRARY_PATH|DYLD_LIBRARY_PATH)$/,
  /^(CUDA|NVIDIA|ORT|TRT|OMP)_/,
];

/**
 * The environment of a child process. It reads bytes from strangers, so it gets no database address, no
 * secret of a webhook and no key of an API.
 */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => PASSED_ON.some((pattern) => pattern.test(name))),
  );
}
