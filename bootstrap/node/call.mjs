/** Calls a buffered handler in each of the styles that Lambda has ever had: async, callback and context.done. */
import { HandlerGaveUp } from './failure.mjs';

/**
 * Resolves to the handler's result.
 *
 * A promise counts when it settles. A callback counts when the event loop is empty, unless the handler sets
 * callbackWaitsForEmptyEventLoop to false; context.done, succeed and fail count at once. A handler that does none of it
 * ends when the event loop is empty, with the value it returned. Where several invocations share the loop (it is never
 * empty then) callbacks count at once, and so does the value of a handler that takes no callback.
 */
export function callHandler(handler, event, context, invocation) {
  return new Promise((resolve, reject) => {
    const settle = (error, result) => (isNothing(error) ? resolve(result) : reject(error));
    addDoneMethods(context, settle);

    let called; // what the callback was told, while it waits for the event loop
    const callback = (error, result) => {
      called ??= () => settle(error, result);
      if (!context.callbackWaitsForEmptyEventLoop || !invocation.alone) called();
    };

    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') {
      invocation.onIdle = () => (called ?? (() => reject(new HandlerGaveUp())))();
      // An async handler that answers through the callback means the callback's value, not its own undefined.
      returned.then((result) => (result === undefined && called ? called() : resolve(result)), reject);
      return;
    }
    invocation.onIdle = () => (called ?? (() => resolve(returned)))();
    if (!invocation.alone && handler.length < 3) resolve(returned);
  });
}

/** The methods of the first Node runtimes; they end the invocation without waiting for the event loop. */
function addDoneMethods(context, settle) {
  context.done = settle;
  context.succeed = (result) => settle(null, result);
  context.fail = (error) => settle(error ?? 'handled');
}

const isNothing = (error) => error === null || error === undefined;
