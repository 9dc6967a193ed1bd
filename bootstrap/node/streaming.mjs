/** Response streaming: the awslambda global of AWS's client and the stream that a handler writes to. */
import { Writable } from 'node:stream';

// AWS's client marks handlers with these registered symbols; libraries that wrap handlers copy or look for them.
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = Buffer.alloc(8);

/** Defines globalThis.awslambda, keeping what the user's preload scripts may have put there. */
export function installGlobals(target) {
  target.awslambda = { ...target.awslambda, streamifyResponse, HttpResponseStream };
}

/** @returns {{highWaterMark?: number} | undefined} the stream's options if the handler is a streaming one */
export function streamingOptions(handler) {
  return handler[STREAMING] === 'response' ? { highWaterMark: handler[HIGH_WATER_MARK] } : undefined;
}

function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (options?.highWaterMark !== undefined) handler[HIGH_WATER_MARK] = Number.parseInt(options.highWaterMark, 10);
  return handler;
}

/** Puts status, headers and cookies before the body of a response to a function URL. */
class HttpResponseStream {
  static from(stream, metadata) {
    stream.setContentType(PRELUDE_TYPE);
    stream.setPrelude(Buffer.concat([Buffer.from(JSON.stringify(metadata)), PRELUDE_END]));
    return stream;
  }
}

/**
 * A writable whose bytes go to the platform as they are written. The response is opened by the first byte or the end,
 * so that an error before it can still be reported as an ordinary one.
 */
export class ResponseStream extends Writable {
  #open;
  #opened;
  #contentType = 'application/octet-stream';
  #prelude;
  #trailers;
  #ended = false;

  /**
   * @param {(contentType: string) => {request: import('node:http').ClientRequest, delivered: Promise<void>}} open
   * @param {{highWaterMark?: number}} options
   */
  constructor(open, options) {
    super({ highWaterMark: options.highWaterMark });
    this.#open = open;
    // Whoever waits for the stream sees the error; an unobserved one must not end the process.
    this.on('error', () => {});
  }

  /** Whether the platform has been told that a response begins. */
  get started() {
    return this.#opened !== undefined;
  }

  /** Settles when the platform has taken the whole response. */
  get delivered() {
    return this.#opened?.delivered ?? Promise.resolve();
  }

  setContentType(contentType) {
    this.#contentType = contentType;
  }

  setPrelude(prelude) {
    this.#prelude = prelude;
  }

  /** Takes plain objects too and writes their JSON, as AWS's stream does. */
  write(chunk, ...rest) {
    const isData = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(isData ? chunk : JSON.stringify(chunk), ...rest);
  }

  /** Ends a response that has begun with an error, which travels in the trailers, behind what was written before. */
  abort(document) {
    this.#trailers = {
      'Lambda-Runtime-Function-Error-Type': document.errorType,
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(document)).toString('base64'),
    };
    // A stream that a broken pipeline has destroyed runs no _final any more.
    if (this.destroyed || this.writableEnded) return this.#finish(() => {});
    return this.end();
  }

  _write(chunk, _encoding, callback) {
    this.#request().write(chunk, callback);
  }

  _final(callback) {
    this.#finish(callback);
  }

  /** Leaves the request open: abort() still has to say why the stream broke. */
  _destroy(error, callback) {
    callback(error);
  }

  #finish(callback) {
    const request = this.#request();
    if (request.destroyed || request.writableEnded) return callback();
    if (this.#trailers) request.addTrailers(this.#trailers);
    // From here on somebody waits: for the platform's answer.
    this.#ended = true;
    request.socket?.ref();
    return request.end(callback);
  }

  #request() {
    if (this.#opened) return this.#opened.request;
    this.#opened = this.#open(this.#contentType);
    this.#opened.delivered.catch((error) => this.destroy(error));
    const { request } = this.#opened;
    // An open response must not keep the event loop alive: that is how a stream that nobody will end is noticed.
    request.on('socket', (socket) => (this.#ended ? undefined : socket.unref()));
    if (this.#prelude) request.write(this.#prelude);
    return request;
  }
}
