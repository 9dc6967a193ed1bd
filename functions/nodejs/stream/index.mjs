import { setTimeout as pause } from 'node:timers/promises';

// Each line is sent when it is written. "lambkin invoke NAME --stream" shows them as they come.
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  for (let i = 1; i <= (event.lines ?? 5); i++) {
    stream.write(`line ${i}\n`);
    await pause(20);
  }
  stream.end();
});
