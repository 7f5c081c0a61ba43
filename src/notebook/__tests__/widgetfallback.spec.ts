import { Widget } from '@lumino/widgets';
import { ShownCluster } from '../widgetfallback';

const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

class FakeRenderer extends Widget {
  renderModel = jest.fn(async () => undefined);
}

describe('ShownCluster', () => {
  const rendering = (trusted: boolean, isThere: boolean) => {
    const made = new Map<string, FakeRenderer>();
    const rendermime = {
      mimeTypes: ['text/html', WIDGET_MIME],
      createRenderer: (mimeType: string) => {
        made.set(mimeType, new FakeRenderer());
        return made.get(mimeType)!;
      }
    };
    const asked = jest.fn(async () => isThere);
    const shown = new ShownCluster(
      rendermime as unknown as ConstructorParameters<typeof ShownCluster>[0],
      asked
    );
    const model = {
      trusted,
      data: {
        'text/html': '<table></table>',
        [WIDGET_MIME]: { model_id: 'a1' }
      }
    };
    const done = shown.renderModel(
      model as unknown as Parameters<ShownCluster['renderModel']>[0]
    );
    return { made, asked, shown, done };
  };

  it('shows the table until the widget is there', async () => {
    const { made, asked, done } = rendering(true, true);
    await done;
    expect(asked).toHaveBeenCalledWith('a1');
    const [table, widget] = [made.get('text/html')!, made.get(WIDGET_MIME)!];
    expect([table.isHidden, widget.isHidden]).toEqual([false, true]);
    const own = document.createElement('section');
    own.className = 'speccluster-widget';
    widget.node.append(own);
    await new Promise(resolve => setTimeout(resolve));
    expect([table.isHidden, widget.isHidden]).toEqual([true, false]);
  });

  it('looks for no widget without a kernel that has it', async () => {
    const { made, done } = rendering(true, false);
    await done;
    expect([...made.keys()]).toEqual(['text/html']);
  });

  it('runs nothing of a notebook that is not trusted', async () => {
    const { made, asked, done } = rendering(false, true);
    await done;
    expect(asked).not.toHaveBeenCalled();
    expect([...made.keys()]).toEqual(['text/html']);
  });
});
