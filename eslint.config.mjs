import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

// A name that a worker or a log line brings along must never become markup, and
// one forgotten place is enough: these names may not appear in any form.
const MARKUP =
  '/^(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|dangerouslySetInnerHTML|RawHTML|srcdoc|srcDoc)$/';
const noMarkup = [
  `Identifier[name=${MARKUP}]`,
  `JSXIdentifier[name=${MARKUP}]`,
  `Literal[value=${MARKUP}]`,
  "MemberExpression[object.name='document'][property.name=/^write(ln)?$/]"
].map(selector => ({
  selector,
  message: 'Text becomes text nodes only: build elements, do not parse markup.'
}));

// Imports run one way: api ◀ model ◀ tokens ◀ features ◀ index. Features know
// each other through tokens and commands only. All of it, and `logs`, which is
// the name of a file elsewhere too, is in src/__tests__/layers.spec.ts.
const FEATURES = [
  'commands',
  'editor',
  'manager',
  'notebook',
  'panel',
  'running'
];
const layer = (own, forbidden) => ({
  files: [`src/${own}/**/*.{ts,tsx}`, `src/${own}.{ts,tsx}`],
  ignores: ['**/__tests__/**'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^\\.{1,2}/(\\.\\./)*(${forbidden.join('|')})(/|$)`,
            message: `src/${own} may not know this layer: see "Layers" in CONTRIBUTING.md.`
          }
        ]
      }
    ]
  }
});
const layers = [
  layer('api', ['model', 'tokens', 'index', ...FEATURES]),
  layer('model', ['tokens', 'index', ...FEATURES]),
  layer('tokens', ['index', ...FEATURES]),
  ...FEATURES.map(feature =>
    layer(feature, ['index', ...FEATURES.filter(other => other !== feature)])
  )
];

const jupyterAsErrors = jupyter.configs.recommended.map(config => ({
  ...config,
  files: config.files.flatMap(pattern =>
    pattern.endsWith('.spec.ts') ? [pattern, `${pattern}x`] : [pattern]
  ),
  plugins: { jupyter },
  rules: Object.fromEntries(
    Object.entries(config.rules).map(([name, level]) => [
      name,
      level === 'off' ? 'off' : 'error'
    ])
  )
}));

const CODE = ['**/*.{js,mjs,ts,tsx}'];
const TYPESCRIPT = ['src/**/*.{ts,tsx}'];

export default defineConfig([
  {
    ignores: [
      '.make',
      '.venv',
      'build',
      'coverage',
      'dist',
      'lib',
      'node_modules',
      'speccluster_lab/labextension',
      'src/api/schema.d.ts'
    ]
  },
  { files: CODE, ...js.configs.recommended },
  ...tseslint.configs.recommended.map(config => ({
    ...config,
    files: TYPESCRIPT
  })),
  jupyterAsErrors,
  {
    files: TYPESCRIPT,
    plugins: { 'react-hooks': reactHooks },
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        project: 'tsconfig.test.json',
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      'react-hooks/exhaustive-deps': 'error',
      'react-hooks/rules-of-hooks': 'error',
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }]
    }
  },
  {
    files: ['**/__tests__/**'],
    rules: { 'jupyter/no-untranslated-string': 'off' }
  },
  {
    files: CODE,
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error'] }],
      'no-restricted-syntax': ['error', ...noMarkup],
      'prefer-arrow-callback': 'error'
    }
  },
  layers,
  {
    files: ['*.js', '*.mjs'],
    languageOptions: { globals: globals.node },
    // The rule itself has to name what it bans.
    rules: { 'no-restricted-syntax': 'off' }
  },
  {
    files: ['speccluster_lab/**/*.js'],
    languageOptions: { globals: globals.browser },
    // It is the kernel's, and runs where there is no translator as well.
    rules: { 'jupyter/no-untranslated-string': 'off' }
  },
  { files: CODE, ...prettier }
]);
