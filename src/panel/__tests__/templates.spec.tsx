import { fireEvent, screen } from '@testing-library/react';
import { FakeCluster, TEMPLATES, cluster } from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Template } from '../../tokens';
import { CommandIDs } from '../../tokens';
import { PanelPage, button, card, change } from './panelpage';

describe('The templates in the panel', () => {
  let page: PanelPage;

  beforeEach(() => {
    page = new PanelPage();
  });

  afterEach(() => page.close());

  it('explains itself when there is nothing, and offers the templates', async () => {
    await page.show();
    expect(screen.getByText('No clusters yet')).toBeTruthy();
    fireEvent.click(button('Local processes'));
    expect(page.executed).toEqual([
      [CommandIDs.createCluster, { template: 'local' }]
    ]);
  });

  it('starts a template with other values, and deletes one of their own', async () => {
    page.manager.templates = [{ ...TEMPLATES[0], own: true }, TEMPLATES[1]];
    await page.show();
    fireEvent.click(button('Start Local processes with other values'));
    fireEvent.click(button('Delete Grouped workers'));
    expect(
      screen.queryByRole('button', { name: 'Delete Local processes' })
    ).toBeNull();
    expect(page.executed).toEqual([
      [CommandIDs.createCluster, { template: 'local', isAsked: true }],
      [CommandIDs.deleteTemplate, { template: 'grouped' }]
    ]);
  });

  it('says why nothing can be made from a template, which can still be deleted', async () => {
    const unusable = 'worker.cls: secret.Worker may not be used';
    page.manager.templates = [{ ...TEMPLATES[0], own: true, unusable }];
    await page.show();
    const start = button('Grouped workers');
    expect(start.getAttribute('aria-disabled')).toBe('true');
    expect(start.getAttribute('aria-description')).toBe(unusable);
    fireEvent.click(start);
    expect(screen.getByText(unusable)).toBeTruthy();
    expect(
      screen.queryByRole('button', { name: /with other values/ })
    ).toBeNull();
    fireEvent.click(button('Delete Grouped workers'));
    expect(page.executed).toEqual([
      [CommandIDs.deleteTemplate, { template: 'grouped' }]
    ]);
  });

  it('keeps the focus near a template that is deleted', async () => {
    const own = { ...TEMPLATES[0], own: true };
    const take = (...templates: Template[]) =>
      change(() => {
        page.manager.templates = templates;
        page.manager.templatesChanged.emit();
      });
    page.manager.templates = [own, TEMPLATES[1]];
    await page.show();
    button('Delete Grouped workers').focus();
    await take(TEMPLATES[1]);
    const title = screen.getByText('No clusters yet');
    expect(document.activeElement).toBe(title.parentElement);
    await take(own, TEMPLATES[1]);
    await change(() =>
      page.manager.setClusters(new FakeCluster(cluster('otter')))
    );
    button('Delete Grouped workers').focus();
    await take(TEMPLATES[1]);
    expect(document.activeElement).toBe(screen.getByText('Templates'));
  });

  it('gives the focus to the first cluster that is made of one', async () => {
    await page.show();
    button('Local processes').focus();
    await change(() =>
      page.manager.setClusters(new FakeCluster(cluster('otter')))
    );
    expect(document.activeElement).toBe(card('otter'));
    screen.getByText('Templates').focus();
    await change(() => page.manager.setClusters());
    const title = screen.getByText('No clusters yet');
    expect(document.activeElement).toBe(title.parentElement);
  });

  it('has the templates below the clusters, for who may use them', async () => {
    await page.show(new FakeCluster(cluster('otter')));
    const summary = screen.getByText('Templates');
    fireEvent.click(summary);
    fireEvent.click(button('Local processes'));
    expect(page.executed).toEqual([
      [CommandIDs.createCluster, { template: 'local' }]
    ]);
    await change(() => page.manager.setReadOnly(true));
    expect(screen.queryByText('Templates')).toBeNull();
  });

  it('says why there are no templates', async () => {
    page.manager.templates = [];
    page.manager.templatesError = new ApiError({
      code: 'x',
      message: 'broken'
    });
    await page.show();
    expect(screen.getByRole('alert').textContent).toBe('broken');
  });

  it('opens a menu of the templates, and gives the focus back', async () => {
    await page.show();
    const anchor = button('New cluster');
    await change(() => fireEvent.click(anchor));
    expect(anchor.getAttribute('aria-expanded')).toBe('true');
    const items = screen.getAllByRole('menuitem');
    expect(items.map(item => item.getAttribute('aria-label'))).toEqual([
      'label of grouped',
      'label of local',
      'label of undefined'
    ]);
    expect(items[0].textContent).toContain('caption');
    fireEvent.keyDown(items[0], { key: 'Escape', keyCode: 27 });
    expect(screen.queryByRole('menuitem')).toBeNull();
    expect(anchor.getAttribute('aria-expanded')).toBe('false');
    expect(document.activeElement).toBe(anchor);
  });

  it('reads the templates anew when the menu would be empty', async () => {
    page.manager.templates = [];
    await page.show();
    await change(() => fireEvent.click(button('New cluster')));
    expect(page.manager.refreshTemplates).toHaveBeenCalled();
    expect(screen.queryByRole('menuitem')).toBeNull();
    // It says why there are none.
    expect(page.executed).toEqual([[CommandIDs.createCluster, {}]]);
  });
});
