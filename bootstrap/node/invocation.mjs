/** The invocations that run now, and what a handler is told about its own. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Failure } from './failure.mjs';

/**
 * Knows which invocation the code that asks belongs to. Asynchronous work keeps its invocation, so records of two that
 * run side by side never carry each other's request id.
 */
export class Invocations {
  #storage = new AsyncLocalStorage();
  #running = new Set();
  /** Whether any invocation has begun: after that, init errors are no longer init errors. */
  begun = false;

  begin(message) {
    this.begun = true;
    const invocation = {
      id: message.headers['lambda-runtime-aws-request-id'],
      tenantId: message.headers['lambda-runtime-aws-tenant-id'],
      onIdle: undefined,
      alone: false,
    };
    this.#running.add(invocation);
    return invocation;
  }

  run(invocation, work) {
    return this.#storage.run(invocation, work);
  }

  end(invocation) {
    this.#running.delete(invocation);
  }

  current() {
    return this.#storage.getStore() ?? this.#only();
  }

  /** The invocation to blame for an uncaught error: the one whose work threw, else the only one there is. */
  culprit() {
    const store = this.#storage.getStore();
    return this.#running.has(store) ? store : this.#only();
  }

  /** The event loop is empty: no code of the function will run again unless its invocation is ended. */
  idle() {
    for (const invocation of this.#running) invocation.onIdle?.();
  }

  #only() {
    return this.#running.size === 1 ? this.#running.values().next().value : undefined;
  }
}

/** Makes event and context of a message of the Runtime API; fails as the function's failure if it cannot. */
export function parseInvocation(message) {
  const { headers, body } = message;
  return { event: parseEvent(body), context: makeContext(headers, process.env) };
}

function parseEvent(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // V8's own text quotes the payload, which must not reach the log.
    throw new Failure('Runtime.UnmarshalError', 'Unable to unmarshal input: the event is not valid JSON');
  }
}

function makeContext(headers, env) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers, 'lambda-runtime-client-context'),
    identity: parseHeader(headers, 'lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function parseHeader(headers, name) {
  if (!headers[name]) return undefined;
  try {
    return JSON.parse(headers[name]);
  } catch {
    throw new Failure('Runtime.UnmarshalError', `Unable to parse the header ${name}: not valid JSON`);
  }
}
