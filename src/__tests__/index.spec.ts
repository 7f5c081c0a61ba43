import plugins from '../index';
import { IClientCode, IClusterManager, ISpecEditors } from '../tokens';

describe('plugins', () => {
  it('have an id of ours and say what they are for', () => {
    const ids = plugins.map(({ id }) => id);
    expect(ids).toEqual([
      'speccluster-lab:manager',
      'speccluster-lab:notebook',
      'speccluster-lab:widget',
      'speccluster-lab:autoconnect',
      'speccluster-lab:editor',
      'speccluster-lab:logs',
      'speccluster-lab:commands',
      'speccluster-lab:panel',
      'speccluster-lab:running'
    ]);
    expect(plugins.every(plugin => plugin.description)).toBe(true);
  });

  it('require of JupyterLab only what every Jupyter front end has', () => {
    const ours = new Set<unknown>([IClientCode, IClusterManager, ISpecEditors]);
    const required = plugins
      .flatMap(plugin => plugin.requires ?? [])
      .filter(token => !ours.has(token))
      .map(({ name }) => name);
    expect(required).toEqual(['@jupyterlab/codeeditor:IEditorServices']);
  });
});
