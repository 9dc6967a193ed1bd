export const handler = async (event, context) => {
  console.log('greeting', context.awsRequestId);
  return { greeting: `Hello, ${event.name ?? 'world'}, from Node.js!` };
};
