import { commandsPlugin } from './commands/index';
import { editorPlugin } from './editor';
import { managerPlugin } from './manager';
import { notebookPlugin } from './notebook';
import { panelPlugin } from './panel';
import { runningPlugin } from './running';

export default [
  managerPlugin,
  notebookPlugin,
  editorPlugin,
  commandsPlugin,
  panelPlugin,
  runningPlugin
];
