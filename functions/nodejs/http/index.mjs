// Answers plain HTTP requests (function URL, HTTP API): event and answer have payload format 2.0.
export const handler = async (event) => {
  const order = event.body ? JSON.parse(event.body) : {};
  return {
    statusCode: 201,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      method: event.requestContext.http.method,
      path: event.rawPath,
      quantity: order.quantity ?? 0,
    }),
  };
};
