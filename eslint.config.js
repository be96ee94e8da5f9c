import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'node_modules/',
      'coverage/',
      '.scratch/',
      'bin/',
      '*.cjs',
      'eslint.config.js',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Numbers in messages are the normal case here; anything else in a template must be a string.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // strictest's noUncheckedIndexedAccess makes `!` necessary in pixel loops; core/ explains each use.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['cli/**', 'scripts/**', 'test/support/**', 'test/chaos/**', 'test/scaling/**'],
    rules: { 'no-console': 'off' },
  },
);
