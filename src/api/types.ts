import type { components } from './schema';

type Schemas = components['schemas'];

export type Cluster = Schemas['Cluster'];
export type ClusterPhase = Schemas['ClusterPhase'];
export type ClusterSpec = Schemas['ClusterSpec'];
export type Condition = Schemas['Condition'];
export type Entry = Schemas['Entry'];
export type EntryPhase = Schemas['EntryPhase'];
export type Generation = Schemas['Generation'];
export type Log = Schemas['Log'];
export type LogSource = Schemas['LogSource'];
export type Member = Schemas['Member'];
export type PatchEvent = Schemas['PatchEvent'];
export type PatchOperation = Pick<Schemas['PatchOperation'], 'op' | 'path'> &
  Partial<Schemas['PatchOperation']>;
export type Plan = Schemas['Plan'];
export type SnapshotEvent = Schemas['SnapshotEvent'];
export type SnapshotRequest = Schemas['SnapshotRequest'];
export type Stake = Schemas['Stake'];
export type Template = Schemas['ListedTemplate'];
export type TemplateField = Schemas['TemplateField'];
export type WorkerClass = Schemas['WorkerClass'];
export type WorkerSpec = Schemas['WorkerSpec'];

// The generator makes a property with a default one that is always there. That
// holds for answers; a request may leave it out.
export type CreateCluster = Pick<Schemas['CreateCluster'], 'template'> &
  Partial<Schemas['CreateCluster']>;
export type NewTemplate = Pick<Schemas['Template'], 'name' | 'title' | 'spec'> &
  Partial<Schemas['Template']>;
export type Scale = Partial<Schemas['Scale']>;
export type LogQuery = {
  member: string | null;
  tail: number;
  after: string | null;
};
export type Adapt = Partial<Schemas['Adapt']>;
export type PlanRequest = {
  spec?: ClusterSpec;
  scale?: Scale;
  remove?: string[];
};
