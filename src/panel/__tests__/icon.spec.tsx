import { LabIcon } from '@jupyterlab/ui-components';
import { render } from '@testing-library/react';
import * as React from 'react';
import { Icon } from '../icon';

describe('Icon', () => {
  const svg = (id: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg"><path id="${id}"/></svg>`;

  it('is read once, however many there are, and anew when it is another', () => {
    const icon = new LabIcon({ name: 'test:icon', svgstr: svg('one') });
    const read = jest.spyOn(icon, 'element');
    const { container } = render(
      <>
        <Icon icon={icon} className="a" />
        <Icon icon={icon} className="b" />
      </>
    );
    expect(container.querySelectorAll('span > svg #one')).toHaveLength(2);
    expect(read).toHaveBeenCalledTimes(1);
    icon.svgstr = svg('two');
    const other = render(<Icon icon={icon} />).container;
    expect(other.querySelectorAll('#two')).toHaveLength(1);
  });
});
