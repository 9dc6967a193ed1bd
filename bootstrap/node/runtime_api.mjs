/** The four calls of the Runtime API 2018-06-01, over connections of their own that no proxy setting touches. */
import http from 'node:http';
import { errorDocument, errorTypeHeader } from './failure.mjs';

const PREFIX = '/2018-06-01/runtime';
const USER_AGENT = `lambkin-nodejs/${process.version}`;

export class RuntimeApi {
  #host;
  #port;
  // Idle sockets of an agent do not keep the event loop alive, so "nothing left to do" stays visible during a handler.
  #agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, scheduling: 'lifo' });

  /** @param {string | undefined} address host:port, as in AWS_LAMBDA_RUNTIME_API */
  constructor(address) {
    const url = URL.canParse?.(`http://${address}`) === false ? undefined : new URL(`http://${address}`);
    if (!address || !url) throw new Error(`AWS_LAMBDA_RUNTIME_API is ${JSON.stringify(address)}, want host:port`);
    this.#host = url.hostname;
    this.#port = url.port;
  }

  /** Waits, without limit, for the next event. */
  async next() {
    const reply = await this.#call('GET', '/invocation/next', {}, undefined);
    if (reply.status !== 200) throw new Error(`GET next: status ${reply.status}`);
    return { headers: utf8Headers(reply.headers), body: reply.body };
  }

  respond(id, body) {
    return this.#post(`/invocation/${id}/response`, { 'Content-Type': 'application/json' }, body);
  }

  fail(id, error) {
    return this.#report(`/invocation/${id}/error`, error);
  }

  initError(error) {
    return this.#report('/init/error', error);
  }

  /**
   * Opens a streamed response.
   * @returns {{request: http.ClientRequest, delivered: Promise<void>}} the request to write to, and its acceptance
   */
  openStream(id, contentType) {
    const request = this.#request('POST', `/invocation/${id}/response`, {
      'Content-Type': contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    });
    return { request, delivered: readReply(request).then(requireAccepted) };
  }

  #report(path, error) {
    const document = errorDocument(error);
    const headers = { 'Content-Type': 'application/json', ...errorTypeHeader(document.errorType) };
    return this.#post(path, headers, JSON.stringify(document));
  }

  async #post(path, headers, text) {
    const body = Buffer.from(text);
    requireAccepted(await this.#call('POST', path, { ...headers, 'Content-Length': body.length }, body));
  }

  #call(method, path, headers, body) {
    const request = this.#request(method, path, headers);
    const reply = readReply(request);
    request.end(body);
    return reply;
  }

  #request(method, path, headers) {
    return http.request({
      agent: this.#agent,
      headers: { 'User-Agent': USER_AGENT, ...headers },
      host: this.#host,
      method,
      path: PREFIX + path,
      port: this.#port,
    });
  }
}

function readReply(request) {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
  });
}

function requireAccepted(reply) {
  if (reply.status === 202) return;
  throw new Error(`status ${reply.status} ${reply.body.toString('utf8', 0, 512).trim()}`);
}

/** Node reads header values as Latin-1; the platform sends UTF-8. */
function utf8Headers(headers) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(String(value), 'latin1').toString('utf8')]));
}
