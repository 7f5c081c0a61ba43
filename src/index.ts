import { commandsPlugin } from './commands';
import { editorPlugin } from './editor';
import { managerPlugin } from './manager';
import { notebookPlugin } from './notebook';
import { panelPlugin } from './panel';

export default [
  managerPlugin,
  notebookPlugin,
  editorPlugin,
  commandsPlugin,
  panelPlugin
];
