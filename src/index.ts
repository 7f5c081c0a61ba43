import { commandsPlugin } from './commands/index';
import { editorPlugin } from './editor';
import { logsPlugin } from './logs';
import { managerPlugin } from './manager';
import { notebookPlugin } from './notebook';
import { autoConnectPlugin } from './notebook/autoconnectplugin';
import { widgetPlugin } from './notebook/widgetplugin';
import { panelPlugin } from './panel';
import { runningPlugin } from './running';

export default [
  managerPlugin,
  notebookPlugin,
  widgetPlugin,
  autoConnectPlugin,
  editorPlugin,
  logsPlugin,
  commandsPlugin,
  panelPlugin,
  runningPlugin
];
