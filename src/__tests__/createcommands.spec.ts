import { Notification } from '@jupyterlab/apputils';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { CommandIDs } from '../tokens';
import { CommandsPage, FAILING, dialog, notes } from './commandspage';
import { TEMPLATES, plain } from './fakes';

const OWN = { ...TEMPLATES[0], name: 'mine', title: 'Mine', own: true };

describe('commands for new clusters and templates', () => {
  let page: CommandsPage;

  beforeEach(() => {
    page = new CommandsPage();
  });

  afterEach(() => page.close());

  it('make a cluster from a template', async () => {
    const args = { template: 'grouped', name: 'Otter' };
    expect(page.commands.label(CommandIDs.createCluster, args)).toBe(
      'Grouped workers'
    );
    expect(page.commands.caption(CommandIDs.createCluster, args)).toBe(
      'Three at a time.'
    );
    await expect(page.run(CommandIDs.createCluster, args)).resolves.toEqual({
      id: 'otter'
    });
    expect(page.manager.create.mock.calls).toEqual([[args]]);
    expect(notes()).toEqual(['otter runs.']);
  });

  it('make a cluster as asked for, whatever else is said to the command', async () => {
    const fields = { n: 1 };
    const spec = { worker: null };
    const args = { template: 'grouped', kernel: 'python3', fields, spec };
    await page.run(CommandIDs.createCluster, { ...args, isAsked: false });
    const sent = page.manager.create.mock.lastCall as unknown[];
    expect(plain(sent)).toEqual([args]);
  });

  it('ask what is wanted of a cluster', async () => {
    page.create.mockResolvedValueOnce(page.manager.clusters[0]);
    await expect(page.run(CommandIDs.createCluster)).resolves.toEqual({
      id: 'otter'
    });
    await page.run(CommandIDs.createCluster, {
      template: 'local',
      isAsked: true
    });
    expect(page.create.mock.calls).toEqual([[null], ['local']]);
    expect(page.manager.create).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter runs.']);
  });

  it('keep a cluster as a template', async () => {
    await expect(page.run(CommandIDs.saveTemplate)).resolves.toBeNull();
    page.saveTemplate.mockResolvedValueOnce(OWN);
    await expect(page.run(CommandIDs.saveTemplate)).resolves.toEqual({
      template: 'mine'
    });
    expect(page.saveTemplate.mock.calls).toEqual([
      [page.manager.clusters[0]],
      [page.manager.clusters[0]]
    ]);
    await waitFor(() => expect(notes()).toEqual(['Template Mine is saved.']));
  });

  it('delete a template of their own, once that is confirmed', async () => {
    const args = { template: 'mine' };
    expect(page.commands.isEnabled(CommandIDs.deleteTemplate)).toBe(false);
    page.manager.templates = [...page.manager.templates, OWN];
    expect(page.commands.isEnabled(CommandIDs.deleteTemplate)).toBe(true);
    const other = page.run(CommandIDs.deleteTemplate, { template: 'local' });
    await expect(other).resolves.toBeNull();
    expect(notes()).toEqual(['Local processes is no template of your own.']);
    Notification.manager.dismiss();
    const kept = page.run(CommandIDs.deleteTemplate, args);
    await dialog();
    fireEvent.click(screen.getByText('Cancel'));
    await expect(kept).resolves.toBeNull();
    expect(page.manager.deleteTemplate).not.toHaveBeenCalled();
    const deleted = page.run(CommandIDs.deleteTemplate, args);
    await dialog();
    fireEvent.click(screen.getByText('Delete'));
    await deleted;
    expect(page.manager.deleteTemplate.mock.calls).toEqual([['mine']]);
    expect(notes()).toEqual(['Template Mine is deleted.']);
  });

  it('tell in the words of the server why there is no cluster', async () => {
    page.manager.create.mockRejectedValue(FAILING);
    await expect(
      page.run(CommandIDs.createCluster, { template: 'grouped' })
    ).resolves.toBeNull();
    expect(notes()).toEqual(['The cluster could not be made: no room']);
  });

  it.each([
    [FAILING, 'no room'],
    [null, 'There is no template to make a cluster from.']
  ])('say why there is nothing to make a cluster from', async (error, said) => {
    page.manager.templates = [];
    page.manager.templatesError = error;
    await expect(page.run(CommandIDs.createCluster)).resolves.toBeNull();
    expect(page.manager.refreshTemplates).toHaveBeenCalled();
    expect(notes()).toEqual([said]);
  });

  it('makes nothing from a template that is not allowed any more', () => {
    const unusable = 'worker.cls: secret.Worker may not be used';
    page.manager.templates = [{ ...TEMPLATES[0], unusable }, TEMPLATES[1]];
    const [no, yes] = page.manager.templates.map(({ name }) => ({
      template: name
    }));
    expect(page.commands.isEnabled(CommandIDs.createCluster, no)).toBe(false);
    expect(page.commands.caption(CommandIDs.createCluster, no)).toBe(unusable);
    expect(page.commands.isEnabled(CommandIDs.createCluster, yes)).toBe(true);
  });

  describe.each([CommandIDs.insertTemplateCode, CommandIDs.deleteTemplate])(
    'the template that is meant by %s',
    command => {
      const args = { template: 'mine' };

      it('is missed when there is none of this name', async () => {
        await expect(page.run(command, args)).resolves.toBeNull();
        expect(notes()).toEqual(['There is no template mine.']);
      });

      it('is known once the templates have been read', async () => {
        page.manager.templates = [];
        page.manager.refreshTemplates.mockImplementationOnce(async () => {
          page.manager.templates = [OWN];
          return undefined;
        });
        const at = { path: 'a.ipynb', index: 1 };
        page.insert.mockReturnValue(at);
        const done = page.run(command, args);
        if (command === CommandIDs.deleteTemplate) {
          await dialog();
          fireEvent.click(screen.getByText('Delete'));
          await expect(done).resolves.toEqual({ template: 'grouped' });
        } else {
          await expect(done).resolves.toEqual(at);
        }
      });

      it('is not known when the templates cannot be read', async () => {
        page.manager.templates = [];
        page.manager.refreshTemplates.mockImplementationOnce(async () => {
          page.manager.templatesError = FAILING;
          return undefined;
        });
        await expect(page.run(command, args)).resolves.toBeNull();
        expect(notes()).toEqual(['no room']);
      });
    }
  );
});
