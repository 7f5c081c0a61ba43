const jupyterlab = require('@jupyterlab/testing/lib/jest-config');

// Packages that ship ES modules only and that JupyterLab's own list leaves out.
const esModules = [
  '@codemirror',
  '@jupyter/react-components',
  '@jupyter/web-components',
  '@jupyter/ydoc',
  '@jupyterlab/',
  '@marijn',
  '@microsoft',
  '@rjsf',
  'color',
  'exenv-es6',
  'immutable-json-patch',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yaml/',
  'yjs'
].join('|');

const base = jupyterlab(__dirname);

module.exports = {
  ...base,
  // The built labextension has a package.json of the same name as ours.
  roots: ['<rootDir>/src'],
  testRegex: '/__tests__/.*\\.spec\\.tsx?$',
  reporters: ['default'],
  coverageReporters: ['lcov', 'text'],
  collectCoverageFrom: ['src/**/*.{ts,tsx}', '!src/**/*.d.ts'],
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
