/** What a process needs to start, find its libraries and see its GPU. */
const PASSED_ON = [
  /^(PATH|HOME|LANG|LC_ALL|TZ|TMPDIR|TEMP|TMP)$/,
  /^(SystemRoot|windir)$/i,
  /^(LD_LIBRARY_PATH|DYLD_LIBRARY_PATH)$/,
  /^(CUDA|NVIDIA|ORT|TRT|OMP)_/,
];

/**
 * A child works on one image at a time, and its codecs on one thread beside it. Each thread that allocates would get an
 * arena of its own, and keep in it what its largest image took (GNU C Library manual, "Malloc Tunable Parameters").
 */
const ONE_AT_A_TIME = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1' };

/**
 * The environment of a child process. It reads bytes from strangers, so it gets no database address, no
 * secret of a webhook and no key of an API.
 */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const passedOn = Object.entries(environment).filter(([name]) =>
    PASSED_ON.some((pattern) => pattern.test(name)),
  );
  return { ...Object.fromEntries(passedOn), ...ONE_AT_A_TIME };
}
