import { render } from '@testing-library/react';
import * as React from 'react';
import { Marked } from '../marked';

describe('Marked', () => {
  it('shows what is between backticks as code, and all else as text', () => {
    const { container } = render(<Marked text="`a` or <b>, not `c" />);
    const codes = [...container.querySelectorAll('code')];
    expect(codes.map(one => one.textContent)).toEqual(['a', 'c']);
    expect(container.textContent).toBe('a or <b>, not c');
  });
});
