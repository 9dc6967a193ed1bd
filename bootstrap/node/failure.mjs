/** What goes wrong in a function, in the words and the JSON form that Lambda's callers know. */

const OWN_FOLDER = new URL('.', import.meta.url).href;

/** A failure that the runtime, not the handler, found. Its type is one of Lambda's Runtime.* names. */
export class Failure extends Error {
  constructor(type, message, cause) {
    super(message, { cause });
    this.name = type;
  }
}

/** A promise of the function was rejected and nobody listened. */
export class UnhandledRejection extends Failure {
  constructor(reason) {
    super('Runtime.UnhandledPromiseRejection', String(reason), reason);
    this.reason = reason instanceof Error ? errorDocument(reason) : reason;
  }
}

/** The event loop ran empty while the handler's promise was pending: it can never settle. */
export class HandlerGaveUp extends Failure {
  constructor() {
    super('Runtime.NodeJsExit', "The handler's promise never settled and nothing is left to run that could settle it.");
  }
}

/** The error as the Runtime API takes it. Anything can be thrown in JavaScript, so nothing is assumed. */
export function errorDocument(error) {
  if (error instanceof Error || isErrorLike(error)) {
    const trace = typeof error.stack === 'string' ? error.stack.split('\n').filter(isUsers) : [];
    return { errorType: String(error.name), errorMessage: String(error.message), trace, ...reasonOf(error) };
  }
  return { errorType: typeof error, errorMessage: textOf(error), trace: [] };
}

/** The header that tells telemetry, not the caller, what kind of failure it was. */
export function errorTypeHeader(errorType) {
  const type = errorType.startsWith('Runtime.') ? errorType : `Function.${errorType}`;
  return /^[A-Za-z.]{1,128}$/.test(type) ? { 'Lambda-Runtime-Function-Error-Type': type } : {};
}

/** Logs a failure as one record, in the form AWS's client gives it. */
export function logFailure(title, error) {
  const { trace, ...document } = errorDocument(error);
  const code = error?.code === undefined ? {} : { code: error.code };
  console[failureRecord](title, { ...document, ...code, stack: trace });
}

/** The console method that writes failures; a symbol, so that user code does not meet it. */
export const failureRecord = Symbol('failureRecord');

/** Frames of this client say nothing about the user's code. */
function isUsers(line) {
  return !line.includes(OWN_FOLDER);
}

/** Errors of other realms (vm, worker messages) are no instances of our Error. */
function isErrorLike(value) {
  return typeof value === 'object' && value !== null && typeof value.name === 'string'
    && typeof value.message === 'string' && typeof value.stack === 'string';
}

function reasonOf(error) {
  return error instanceof UnhandledRejection ? { reason: error.reason } : {};
}

function textOf(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
