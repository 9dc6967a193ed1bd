/**
 * Lets `import` find packages of layers. Node looks in NODE_PATH for `require` alone, but functions on Lambda import
 * from /opt/nodejs/node_modules either way.
 */
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Installs the fallback if NODE_PATH names a folder that exists; without one it costs nothing. */
export async function enableLayerImports(env) {
  const folders = (env.NODE_PATH ?? '').split(':').filter((folder) => folder && existsSync(folder));
  if (folders.length === 0 || !module.registerHooks) return;
  const require = createRequire(import.meta.url);
  module.registerHooks({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (error.code !== 'ERR_MODULE_NOT_FOUND' || !isBare(specifier)) throw error;
        return { url: fallback(require, specifier, folders, error), shortCircuit: true };
      }
    },
  });
}

function fallback(require, specifier, folders, original) {
  try {
    return pathToFileURL(require.resolve(specifier, { paths: folders })).href;
  } catch {
    // The first error names the importing file; ours would name the runtime.
    throw original;
  }
}

const isBare = (specifier) => !/^(\.|\/|[a-z]+:)/.test(specifier);
