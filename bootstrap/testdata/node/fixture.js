'use strict';
// The functions of the protocol suite; package protocoltest says what each has to do.
const fs = require('node:fs/promises');

exports.echo = async (event) => event;
exports.nothing = async () => undefined;
exports.fail = async () => { throw new RangeError('boom'); };
exports.large = async ({ size }) => 'x'.repeat(size);

exports.context = async (event, context) => ({
  requestId: context.awsRequestId,
  arn: context.invokedFunctionArn,
  name: context.functionName,
  version: context.functionVersion,
  memory: context.memoryLimitInMB,
  group: context.logGroupName,
  stream: context.logStreamName,
  tenant: context.tenantId,
  remaining: context.getRemainingTimeInMillis(),
  custom: (context.clientContext?.custom ?? context.clientContext?.Custom)?.k,
  identity: context.identity?.cognitoIdentityId,
});

exports.trace = async () => process.env._X_AMZN_TRACE_ID ?? null;

let calls = 0;
exports.count = async () => ++calls;

exports.log = async ({ text }) => {
  console.info('below the level');
  console.warn(text);
};

exports.meet = async ({ mine, peer }, context) => {
  await fs.writeFile(mine, '');
  while (!(await fs.access(peer).then(() => true, () => false))) {
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  return context.awsRequestId;
};

exports.exit = async () => process.exit(3);

const words = (stream) => {
  for (const word of ['one', 'two', 'three']) stream.write(word);
  stream.end();
};

exports.stream = awslambda.streamifyResponse(async (event, stream) => words(stream));

exports.prelude = awslambda.streamifyResponse(async (event, stream) =>
  words(awslambda.HttpResponseStream.from(stream, { statusCode: 201 })));

exports.midfail = awslambda.streamifyResponse(async (event, stream) => {
  await new Promise((resolve) => { stream.write('one', resolve); });
  throw new RangeError('boom');
});

exports.prefail = awslambda.streamifyResponse(async () => { throw new RangeError('boom'); });
