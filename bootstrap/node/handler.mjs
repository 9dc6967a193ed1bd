/** Finds and loads the function that a handler string such as "src/app.v1.handler" names. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure } from './failure.mjs';

/** @returns {Promise<Function>} the handler; fails with one of Lambda's init error types */
export async function loadHandler(taskRoot, name) {
  const { folder, module, exports } = parseHandlerName(name);
  const exported = await loadModule(path.resolve(taskRoot), folder, module);
  const handler = resolveExport(exported, exports);
  if (handler === undefined) throw new Failure('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new Failure('Runtime.HandlerNotFound', `${name} is not a function`);
  return handler;
}

/**
 * Splits "folder/module.export.sub": the module ends at the first dot of the last path segment, as on Lambda.
 * @returns {{folder: string, module: string, exports: string[]}}
 */
export function parseHandlerName(name) {
  if (name.includes('..')) {
    throw new Failure('Runtime.MalformedHandlerName',
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const [, module, exports] = /^([^.]+)\.(.+)$/.exec(path.basename(name)) ?? [];
  if (!module) {
    throw new Failure('Runtime.MalformedHandlerName', `Bad handler ${JSON.stringify(name)}: want file.export`);
  }
  return { folder: name.slice(0, name.length - path.basename(name).length), module, exports: exports.split('.') };
}

function resolveExport(exported, names) {
  const walk = (from) => names.reduce((value, name) => value?.[name], from);
  // A CommonJS module reached through import() may hide its exports under default.
  return walk(exported) ?? walk(exported?.default);
}

async function loadModule(taskRoot, folder, module) {
  const base = path.resolve(taskRoot, folder, module);
  try {
    return await loadFile(taskRoot, base, module);
  } catch (error) {
    throw initFailure(error);
  }
}

async function loadFile(taskRoot, base, module) {
  const require = createRequire(path.join(taskRoot, 'noop.js'));
  const file = [base, `${base}.js`, `${base}.mjs`, `${base}.cjs`].find(isFile);
  if (file === undefined) return require(resolveFolder(require, base, module, taskRoot));
  if (isModule(file, taskRoot)) return import(pathToFileURL(file).href);
  return require(file);
}

/** A handler may also live in a folder with an index file, or in a package of node_modules. */
function resolveFolder(require, base, module, taskRoot) {
  if (existsSync(base)) return require.resolve(base);
  return require.resolve(module, { paths: [taskRoot, path.dirname(base)] });
}

function isModule(file, taskRoot) {
  if (file.endsWith('.mjs')) return true;
  return file.endsWith('.js') && packageType(path.dirname(file), taskRoot) === 'module';
}

/** The "type" of the nearest package.json, which decides what a .js file is. */
function packageType(folder, taskRoot) {
  const manifest = path.join(folder, 'package.json');
  if (isFile(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type;
  if (folder === taskRoot || folder === path.dirname(folder)) return undefined;
  return packageType(path.dirname(folder), taskRoot);
}

function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function initFailure(error) {
  if (error instanceof SyntaxError) return keepStack(new Failure('Runtime.UserCodeSyntaxError', String(error)), error);
  if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
    return keepStack(new Failure('Runtime.ImportModuleError', String(error)), error);
  }
  return error;
}

/** The stack of the user's error says where; the one of ours only that we loaded it. */
function keepStack(failure, error) {
  failure.stack = `${failure.name}: ${error.stack}`;
  return failure;
}
