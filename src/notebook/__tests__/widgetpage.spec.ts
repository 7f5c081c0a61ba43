import type { CommandRegistry } from '@lumino/commands';
import {
  FakeCluster,
  FakeManager,
  NO_CHANGE,
  NOW,
  cluster
} from '../../__tests__/fakes';
import type { IWidgetPage } from '../widgetpage';
import { ASKED, CHANGED, answerWidgets } from '../widgetpage';

describe('answerWidgets', () => {
  const fake = new FakeCluster(cluster('brave-otter'));
  const manager = new FakeManager(fake);
  const execute = jest.fn(async () => undefined);

  beforeAll(() => {
    answerWidgets(manager, { execute } as unknown as CommandRegistry);
  });

  const find = (id: string, created: string): IWidgetPage | null => {
    let found: IWidgetPage | null = null;
    const take = (page: IWidgetPage) => {
      found = page;
    };
    const detail = { id, created, take };
    document.body.dispatchEvent(
      new CustomEvent(ASKED, { bubbles: true, detail })
    );
    return found;
  };

  it('knows the clusters of this server, and no others of their name', () => {
    expect(find('brave-otter', NOW)?.dashboardUrl).toBe('/dashboard');
    expect(find('shy-marten', NOW)).toBeNull();
    expect(find('brave-otter', '2020-01-01T00:00:00Z')).toBeNull();
  });

  it('does what the widget asks', async () => {
    const page = find('brave-otter', NOW)!;
    expect(await page.act({ do: 'scale', entries: 3 })).toEqual({});
    expect(fake.scale).toHaveBeenCalledWith({ entries: 3 });
    expect(fake.plan).not.toHaveBeenCalled();
    await page.act({ do: 'adapt', minimum: 1, maximum: null });
    expect(fake.adapt).toHaveBeenLastCalledWith({ minimum: 1, maximum: null });
    await page.act({ do: 'end_adaptive' });
    expect(fake.adapt).toHaveBeenLastCalledWith(null);
    await page.act({ do: 'retry', entry: '0' });
    expect(fake.retry).toHaveBeenCalledWith('0');
    await page.act({ do: 'restart', entry: '0' });
    expect(fake.restartEntry).toHaveBeenCalledWith('0');
    await expect(page.act({ do: 'format' })).rejects.toThrow();
    page.showPanel();
    // Whatever is looked for there.
    expect(execute).toHaveBeenCalledWith('speccluster-lab:show-panel', {
      id: 'brave-otter'
    });
  });

  it('says what is at stake before it scales down', async () => {
    const page = find('brave-otter', NOW)!;
    fake.scale.mockClear();
    fake.plan.mockResolvedValue({
      ...NO_CHANGE,
      at_stake: { keys: 20, nbytes: 4096 },
      stuck: true
    });
    const { stake } = await page.act({ do: 'scale', entries: 0 });
    expect(stake).toEqual([20, 4096]);
    expect(fake.scale).not.toHaveBeenCalled();
    await page.act({ do: 'scale', entries: 0, meant: true });
    expect(fake.scale).toHaveBeenCalledWith({ entries: 0 });
  });

  it('tells widgets when they may get another answer', () => {
    const told = jest.fn();
    document.addEventListener(CHANGED, told);
    (manager.changed as unknown as { emit(): void }).emit();
    expect(told).toHaveBeenCalledTimes(1);
  });
});
