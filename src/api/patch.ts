import type { JSONPatchDocument } from 'immutable-json-patch';
import {
  existsIn,
  immutableJSONPatch,
  parseJSONPointer
} from 'immutable-json-patch';
import type { Cluster, PatchOperation } from './types';

/**
 * Apply a JSON Patch to one cluster. What the patch does not touch stays the
 * same object, so that a view can tell by identity what has changed.
 *
 * @param cluster - The cluster as it was; undefined when it is new.
 * @param patch - The operations of RFC 6902; the path `""` is the cluster itself.
 *
 * @returns The cluster as it is; undefined when it has gone.
 *
 * @throws An error when the patch does not fit.
 */
export function applyPatch(
  cluster: Cluster | undefined,
  patch: readonly PatchOperation[]
): Cluster | undefined {
  let result = cluster;
  for (const operation of patch) {
    if (operation.path === '') {
      result =
        operation.op === 'remove' ? undefined : (operation.value as Cluster);
      continue;
    }
    if (result === undefined) {
      throw new Error(`there is nothing at ${operation.path}`);
    }
    // Assigning this key sets a prototype instead of a property.
    if (operation.path.split('/').includes('__proto__')) {
      throw new Error('a patch cannot say __proto__');
    }
    checkTarget(result, operation);
    result = immutableJSONPatch<Cluster>(result, [
      operation
    ] as JSONPatchDocument);
  }
  return result;
}

/**
 * The library leaves a document alone when what is to be replaced is not there;
 * to us it means that we have missed something.
 */
function checkTarget(cluster: Cluster, operation: PatchOperation): void {
  const { op, path, from } = operation;
  const needed =
    op === 'add' ? null : op === 'copy' || op === 'move' ? from : path;
  if (
    typeof needed === 'string' &&
    !existsIn(cluster, parseJSONPointer(needed))
  ) {
    throw new Error(`there is nothing at ${needed}`);
  }
}
