import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const readsTheEnvironment = [
  'error',
  { object: 'process', property: 'env', message: 'Only src/config reads the environment: inject Settings.' },
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.shiftwork/', 'bench/', 'src/admin/public/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-properties': readsTheEnvironment,
      'no-restricted-imports': [
        'error',
        {
          paths: [
            { name: 'node:process', importNames: ['env'], message: 'Only src/config reads the environment.' },
          ],
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { allowDefaultCaseForExhaustiveSwitch: false, requireDefaultForNonUnion: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An async function that awaits nothing keeps an interface's promise, and turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // Nest injects by the class itself: a constructor parameter's import must stay a value.
      '@typescript-eslint/no-useless-constructor': 'off',
      // Nest declares its bags of options as classes; everybody passes literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // `type` and `interface` both have their place.
      '@typescript-eslint/consistent-type-definitions': 'off',
    },
  },
  {
    files: ['src/config/**', 'src/dev/**', 'src/demo/**', 'test/**', '*.config.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/unbound-method': 'off', // expect(object.method)
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        module: 'writable',
        require: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
  },
);
