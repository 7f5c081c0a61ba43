import { deleteIcon, ellipsesIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { kindIcons } from '../icons';
import { templateKind } from '../model/facts';
import type { IClusterManager, Template } from '../tokens';
import { CommandIDs } from '../tokens';
import { CardButton } from './button';
import { usePanel } from './context';
import { whenDragged } from './drag';
import { useFocusHandedOn } from './focus';
import { useSignal } from './signals';

/**
 * The templates, out of the way until they are asked for.
 */
export function TemplateSection({
  manager,
  onLeave
}: {
  manager: IClusterManager;
  /** It goes, and has the focus. */
  onLeave: () => void;
}): React.JSX.Element | null {
  const templates = useSignal(
    manager.templatesChanged,
    () => manager.templates
  );
  return templates.length === 0 ? null : (
    <Section templates={templates} onLeave={onLeave} />
  );
}

function Section({
  templates,
  onLeave
}: {
  templates: readonly Template[];
  onLeave: () => void;
}): React.JSX.Element {
  const { trans } = usePanel();
  const place = React.useRef<HTMLDetailsElement>(null);
  useFocusHandedOn(place, onLeave);
  return (
    <details ref={place} className="jp-SpecCluster-templates">
      <summary>{trans.__('Templates')}</summary>
      <TemplateOffers templates={templates} />
    </details>
  );
}

/**
 * Templates, each to be started as it is, to be started with other values, or
 * to be dragged into a notebook.
 */
export function TemplateOffers({
  templates
}: {
  templates: readonly Template[];
}): React.JSX.Element {
  return (
    <>
      {templates.map(template => (
        <Offer key={template.name} template={template} />
      ))}
    </>
  );
}

function Offer({ template }: { template: Template }): React.JSX.Element {
  const { trans, commands, clientCode } = usePanel();
  const { name, title, own } = template;
  const place = React.useRef<HTMLDivElement>(null);
  useFocusHandedOn(place, focusOffers);
  const isUsable = !template.unusable;
  const description = template.unusable ?? template.description;
  const KindIcon = kindIcons[templateKind(template)];
  const run = (command: string, more = {}) =>
    void commands.execute(command, { template: name, ...more });
  return (
    <div
      ref={place}
      className="jp-SpecCluster-offer"
      data-template={name}
      data-own={own || undefined}
    >
      <button
        type="button"
        className="jp-SpecCluster-offerStart"
        aria-label={title}
        aria-description={description}
        title={
          isUsable ? trans.__('Start, or drag into a notebook') : description
        }
        // Why it cannot be used is to be heard as well.
        aria-disabled={!isUsable || undefined}
        onClick={isUsable ? () => run(CommandIDs.createCluster) : undefined}
        onPointerDown={
          isUsable
            ? whenDragged(event =>
                clientCode.drag({ template: name }, title, event)
              )
            : undefined
        }
      >
        <KindIcon.react tag="span" className="jp-SpecCluster-kindIcon" />
        <strong>{title}</strong>
        <span className="jp-SpecCluster-offerText">{description}</span>
      </button>
      {isUsable && (
        <CardButton
          icon={ellipsesIcon}
          name={trans.__('Start %1 with other values', title)}
          title={trans.__('Start with other values')}
          onClick={() => run(CommandIDs.createCluster, { isAsked: true })}
        />
      )}
      {own && (
        <CardButton
          icon={deleteIcon}
          name={trans.__('Delete %1', title)}
          title={trans.__('Delete this template of yours')}
          onClick={() => run(CommandIDs.deleteTemplate)}
        />
      )}
    </div>
  );
}

/** Not the offer beside one that is deleted: there Enter starts a cluster. */
function focusOffers(offer: HTMLElement): void {
  const all = offer.parentElement!;
  (all.querySelector('summary') ?? all).focus();
}
