/**
 * Let the focus go on where it makes sense, for a button of the editor is about to go or to
 * be disabled: to the tab of the view that is shown.
 */
export function leave(button: HTMLElement): void {
  button
    .closest('.jp-SpecCluster-editor')
    ?.querySelector<HTMLElement>('[role=tab][aria-selected=true]')
    ?.focus();
}
