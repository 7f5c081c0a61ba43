import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import type { TemplateField } from '../api/types';
import { NewFields } from '../commands/newdialog';
import { TEMPLATES } from './fakes';

const field = (more: Partial<TemplateField>): TemplateField => ({
  type: 'integer',
  title: 'Threads',
  description: 'per worker',
  default: 1,
  minimum: 1,
  maximum: 64,
  ...more
});

describe('NewFields', () => {
  const chosen = jest.fn();
  const fields = {
    nthreads: field({}),
    memory: field({ type: 'string', title: 'Memory', default: '2 GiB' }),
    quiet: field({ type: 'boolean', title: 'Quiet', default: false })
  };
  const last = () => chosen.mock.lastCall![0];
  const type = (label: string, value: string) =>
    fireEvent.change(screen.getByLabelText(label), { target: { value } });

  beforeEach(() => {
    chosen.mockClear();
    render(
      <NewFields
        templates={[{ ...TEMPLATES[0], fields }, TEMPLATES[1]]}
        kernels={[]}
        trans={nullTranslator.load('speccluster_lab')}
        onChange={chosen}
      />
    );
  });
  afterEach(cleanup);

  it('shows the fields of the template with what they are by default', () => {
    const threads = screen.getByLabelText<HTMLInputElement>('Threads');
    expect(threads.value).toBe('1');
    expect(screen.getByLabelText<HTMLInputElement>('Memory').value).toBe(
      '2 GiB'
    );
    expect(screen.queryByLabelText('Python')).toBeNull();
    expect(last()).toEqual({ template: 'grouped', fields: {} });
  });

  it('gives what was changed, as what it is', () => {
    type('Threads', '4');
    type('Memory', '6 GiB');
    fireEvent.click(screen.getByLabelText('Quiet'));
    expect(last()).toEqual({
      template: 'grouped',
      fields: { nthreads: 4, memory: '6 GiB', quiet: true }
    });
  });

  it.each(['0', '65', ''])('does not take %p for a number of threads', text => {
    type('Threads', text);
    const threads = screen.getByLabelText<HTMLInputElement>('Threads');
    expect(threads.validity.valid).toBe(false);
  });

  it('begins anew with another template', () => {
    type('Threads', '4');
    type('Template', 'local');
    expect(screen.queryByLabelText('Threads')).toBeNull();
    expect(last()).toEqual({ template: 'local', fields: {} });
  });
});
