/** Turns console.* into Lambda's log records: one line per record, each with its request id. */
import { format, inspect } from 'node:util';
import { errorDocument, failureRecord } from './failure.mjs';

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR' };

/**
 * Replaces the methods of the global console.
 * @param {NodeJS.ProcessEnv} env  AWS_LAMBDA_LOG_FORMAT (JSON or text) and AWS_LAMBDA_LOG_LEVEL
 * @param {() => {id: string, tenantId?: string} | undefined} current  the invocation that the caller belongs to
 */
export function patchConsole(env, current) {
  const json = env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
  const threshold = Math.max(0, LEVELS.indexOf((env.AWS_LAMBDA_LOG_LEVEL ?? '').toUpperCase()));
  const record = json ? jsonRecord : textRecord;
  const write = (level, args) => {
    if (LEVELS.indexOf(level) < threshold) return;
    process.stdout.write(`${record(new Date(), level, current(), args)}\n`);
  };
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = (...args) => write(level, method === 'trace' ? [...args, callerStack()] : args);
  }
  console[failureRecord] = (title, { stack, ...document }) =>
    write('ERROR', json ? [{ ...document, stackTrace: stack }] : [`${title}\t${JSON.stringify({ ...document, stack })}`]);
}

/** Line feeds end a record, so those inside one become carriage returns, as AWS's client does it. */
function textRecord(time, level, invocation, args) {
  const line = `${time.toISOString()}\t${invocation?.id ?? 'undefined'}\t${level}\t${format(...args)}`;
  return line.replaceAll('\n', '\r');
}

function jsonRecord(time, level, invocation, args) {
  const head = { timestamp: time.toISOString(), level, requestId: invocation?.id, tenantId: invocation?.tenantId };
  const fields = args.length === 1 ? { message: plain(args[0]) } : { message: format(...args), ...firstError(args) };
  return stringify({ ...head, ...fields });
}

function plain(value) {
  return value instanceof Error ? describe(value) : value ?? String(value);
}

function describe(error) {
  const { trace, ...document } = errorDocument(error);
  return { ...document, stackTrace: trace };
}

/** An error among several arguments is also given as fields, so that log queries can ask for its type. */
function firstError(args) {
  const error = args.find((arg) => arg instanceof Error);
  return error ? describe(error) : {};
}

function stringify(record) {
  try {
    return JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
  } catch {
    return JSON.stringify({ ...record, message: inspect(record.message) });
  }
}

function callerStack() {
  const holder = { name: 'Trace', message: '' };
  Error.captureStackTrace(holder, callerStack);
  return holder.stack.split('\n').slice(2).join('\n');
}
