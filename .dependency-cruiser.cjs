// The one direction imports point: services | workers | cli | scripts -> adapters -> core.
const allowedInCore = '^(core/|node_modules/zod/|(node:)?(buffer|crypto)$)';
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core-is-pure',
      comment:
        'core/ has no fs, net, env or vendor package: it may use zod, node:buffer and node:crypto.',
      severity: 'error',
      from: { path: '^core/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: allowedInCore },
    },
    {
      name: 'adapters-know-only-core',
      severity: 'error',
      from: { path: '^adapters/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(services|workers|cli|scripts|test)/' },
    },
    {
      name: 'adapters-do-not-import-siblings',
      comment: 'config/, network/ and process/ are the foundations every adapter may lean on.',
      severity: 'error',
      from: { path: '^adapters/([^/]+)/' },
      to: { path: '^adapters/', pathNot: '^adapters/($1|config|network|process)/' },
    },
    {
      name: 'processes-meet-on-the-queue',
      severity: 'error',
      from: { path: '^(services|workers)/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(services|workers|cli|scripts|test)/', pathNot: '^$1/$2/' },
    },
    {
      name: 'only-tests-import-test',
      severity: 'error',
      from: { pathNot: '^test/|\\.test\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'cli-uses-only-the-phantom-of-scripts',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^scripts/', pathNot: '^scripts/phantom/' },
    },
    {
      name: 'one-way-into-onnxruntime',
      comment: 'adapters/onnx/runtime.ts turns its telemetry off first.',
      severity: 'error',
      from: { pathNot: '^adapters/onnx/runtime\\.ts$' },
      to: { path: 'node_modules/onnxruntime-node/' },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(core|adapters|services|workers|cli)/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
