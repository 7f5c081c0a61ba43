import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import type { PhaseWord } from '../model/arrangement';
import type { IClientCode, IClusterManager } from '../tokens';
import { useSignal } from './signals';
import type { PanelView } from './view';

/**
 * What all parts of the panel work with.
 */
export interface IPanelContext {
  /**
   * Where what a person asks for is carried out.
   */
  readonly commands: CommandRegistry;

  /**
   * The clusters, and what may be done with them.
   */
  readonly manager: IClusterManager;

  /**
   * Brings a cluster into a notebook.
   */
  readonly clientCode: IClientCode;

  /**
   * How a person wants to see the clusters.
   */
  readonly view: PanelView;

  /**
   * The translations.
   */
  readonly trans: TranslationBundle;

  /**
   * The words for phases; one function for the whole panel, by which it is
   * remembered what was found.
   */
  readonly wordOf: PhaseWord;
}

/**
 * Gives the panel's context to its parts.
 */
export const PanelContext = React.createContext<IPanelContext | null>(null);

/**
 * The panel's context.
 */
export function usePanel(): IPanelContext {
  const context = React.useContext(PanelContext);
  if (!context) {
    throw new Error('this is a part of the panel');
  }
  return context;
}

/**
 * Whether this person may look at clusters, and change nothing.
 */
export function useReadOnly(): boolean {
  const { manager } = usePanel();
  return useSignal(manager.accessChanged, () => manager.isReadOnly);
}

/**
 * Whether this person may make clusters and edit what they should be.
 */
export function useMayExecute(): boolean {
  const { manager } = usePanel();
  return useSignal(manager.accessChanged, () => manager.mayExecute);
}
