/**
 * The Node.js client of the Lambda Runtime API (Node 18 or later, no dependencies).
 *
 * It loads the handler named by _HANDLER (or by the first argument, as container images do), then serves events until
 * the platform stops it. AWS_LAMBDA_MAX_CONCURRENCY=N makes it serve N events at once on one event loop.
 */
import { once } from 'node:events';
import { enableLayerImports } from './layers.mjs';
import { Failure, HandlerGaveUp, UnhandledRejection, errorDocument, logFailure } from './failure.mjs';
import { Invocations, parseInvocation } from './invocation.mjs';
import { loadHandler } from './handler.mjs';
import { patchConsole } from './logging.mjs';
import { RuntimeApi } from './runtime_api.mjs';
import { ResponseStream, installGlobals, streamingOptions } from './streaming.mjs';
import { callHandler } from './call.mjs';

// Exit codes that AWS's client uses too, so that alarms on them keep working.
const EXIT_INIT = 1;
const EXIT_PLATFORM_GONE = 1;
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;

class Runtime {
  #api;
  #invocations = new Invocations();
  #concurrency;

  constructor(env) {
    this.#api = new RuntimeApi(env.AWS_LAMBDA_RUNTIME_API);
    this.#concurrency = Math.max(1, Number.parseInt(env.AWS_LAMBDA_MAX_CONCURRENCY ?? '1', 10) || 1);
    patchConsole(env, () => this.#invocations.current());
    installGlobals(globalThis);
    this.#watchProcess();
  }

  async run(env, handlerName) {
    const handler = await this.#init(env, handlerName);
    await Promise.all(Array.from({ length: this.#concurrency }, () => this.#serve(handler)));
  }

  async #init(env, handlerName) {
    try {
      enableLayerImports(env);
      return await loadHandler(env.LAMBDA_TASK_ROOT ?? process.cwd(), handlerName);
    } catch (error) {
      return this.#die('Init Error', error, EXIT_INIT);
    }
  }

  async #serve(handler) {
    for (;;) {
      let message;
      try {
        message = await this.#api.next();
      } catch (error) {
        // Without a platform there is nobody to serve and nobody to tell.
        console.error(`Runtime API: ${error.message}`);
        process.exit(EXIT_PLATFORM_GONE);
      }
      await this.#handle(handler, message);
    }
  }

  async #handle(handler, message) {
    // The trace id of one invocation must not be seen by another that runs beside it.
    if (this.#concurrency === 1) setTraceId(message.headers['lambda-runtime-trace-id']);
    const invocation = this.#invocations.begin(message);
    await this.#invocations.run(invocation, async () => {
      try {
        await this.#answer(handler, invocation, message);
      } catch (error) {
        logFailure('Invoke Error', error);
        await this.#deliver(() => this.#api.fail(invocation.id, error));
      }
    });
    this.#invocations.end(invocation);
  }

  async #answer(handler, invocation, message) {
    const { event, context } = parseInvocation(message);
    invocation.alone = this.#concurrency === 1;
    const streaming = streamingOptions(handler);
    if (streaming) {
      return this.#stream(handler, invocation, { event, context, streaming });
    }
    const result = await callHandler(handler, event, context, invocation);
    const body = serialize(result);
    return this.#deliver(() => this.#api.respond(invocation.id, body));
  }

  async #stream(handler, invocation, { event, context, streaming }) {
    const stream = new ResponseStream((contentType) => this.#api.openStream(invocation.id, contentType), streaming);
    const closed = once(stream, 'close').catch(() => {});
    try {
      await raceIdle(invocation, () => handler(event, stream, context), () => { throw new HandlerGaveUp(); });
      // A handler may return while a pipe still fills the stream; if nothing is left to run, nobody will end it but us.
      if (!stream.closed) await raceIdle(invocation, () => closed, () => stream.end());
      await closed;
      if (stream.errored) throw stream.errored;
    } catch (error) {
      if (!stream.started) throw error;
      logFailure('Invoke Error', error);
      stream.abort(errorDocument(error));
    }
    await this.#deliver(() => stream.delivered);
  }

  /**
   * Sends an answer. A platform that does not want it (too large, too late) has already told the caller why, so that
   * is no reason to end a healthy process.
   */
  async #deliver(send) {
    try {
      await send();
    } catch (error) {
      console.error(`The platform did not accept the answer: ${error.message}`);
    }
  }

  #watchProcess() {
    process.on('uncaughtException', (error) => this.#die('Uncaught Exception', error, EXIT_EXCEPTION));
    process.on('unhandledRejection', (reason) =>
      this.#die('Unhandled Promise Rejection', new UnhandledRejection(reason), EXIT_REJECTION));
    process.on('beforeExit', () => this.#invocations.idle());
  }

  /** Reports an error that no handler caught, to the invocation it belongs to, and ends the process. */
  async #die(title, error, code) {
    logFailure(title, error);
    const invocation = this.#invocations.culprit();
    const report = invocation ? this.#api.fail(invocation.id, error) : this.#initError(error);
    await report.catch(() => {});
    process.exit(code);
  }

  #initError(error) {
    return this.#invocations.begun ? Promise.resolve() : this.#api.initError(error);
  }
}

/** Waits for start()'s promise; if the event loop runs empty before it settles, onIdle decides what happens. */
function raceIdle(invocation, start, onIdle) {
  return new Promise((resolve, reject) => {
    invocation.onIdle = () => {
      try {
        resolve(onIdle());
      } catch (error) {
        reject(error);
      }
    };
    Promise.resolve().then(start).then(resolve, reject);
  });
}

function serialize(result) {
  try {
    // JSON.stringify gives undefined for undefined, functions and symbols; all of them mean "nothing".
    return JSON.stringify(result) ?? 'null';
  } catch (error) {
    throw new Failure('Runtime.MarshalError', `Unable to marshal response: ${error.message}`, error);
  }
}

function setTraceId(traceId) {
  if (traceId) {
    process.env._X_AMZN_TRACE_ID = traceId;
    return;
  }
  delete process.env._X_AMZN_TRACE_ID;
}

await new Runtime(process.env).run(process.env, process.argv[2] ?? process.env._HANDLER ?? '');
