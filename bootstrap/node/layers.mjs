/**
 * Lets `import` find packages of layers. Node looks in NODE_PATH for `require` alone, but functions on Lambda import
 * from /opt/nodejs/node_modules either way.
 */
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Installs the fallback if NODE_PATH names a folder beside the function's own; without one it costs nothing. */
export function enableLayerImports(env) {
  const folders = (env.NODE_PATH ?? '').split(':')
    .filter((folder) => folder && folder !== env.LAMBDA_TASK_ROOT && existsSync(folder));
  if (folders.length === 0) return;
  if (module.registerHooks) {
    module.registerHooks({ resolve: (...args) => resolveSync(folders, ...args) });
    return;
  }
  // Before Node 22.15 hooks run in a thread of their own, in a second instance of this module.
  module.register?.(import.meta.url, { data: { folders } });
}

let threadFolders = [];

/** Called in the hooks' thread with what register() was given. */
export function initialize({ folders }) {
  threadFolders = folders;
}

/** The hook of the hooks' thread. */
export async function resolve(specifier, context, nextResolve) {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    return fallback(threadFolders, specifier, error);
  }
}

function resolveSync(folders, specifier, context, nextResolve) {
  try {
    return nextResolve(specifier, context);
  } catch (error) {
    return fallback(folders, specifier, error);
  }
}

function fallback(folders, specifier, original) {
  if (original.code !== 'ERR_MODULE_NOT_FOUND' || !isBare(specifier)) throw original;
  try {
    const file = createRequire(import.meta.url).resolve(specifier, { paths: folders });
    return { url: pathToFileURL(file).href, shortCircuit: true };
  } catch {
    // The first error names the importing file; ours would name the runtime.
    throw original;
  }
}

const isBare = (specifier) => !/^(\.|\/|[a-z]+:)/.test(specifier);
