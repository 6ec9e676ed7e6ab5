import { PassThrough, type Readable } from 'node:stream';
import { asError, SECOND } from '../../foundation/index.js';

/** Routers cut a connection that has been silent for 30 s. */
const SPACE_EVERY_MS = 10 * SECOND;

/** How an answer that is streamed ends. */
export interface LateAnswer {
  readonly text: string;
  /** False: the connection is cut after the text instead of being ended, so that `curl -f` fails although 200 was sent. */
  readonly isGood: boolean;
}

/**
 * An answer whose status has to be sent before it is known: spaces, which JSON allows in front, then the text. What turns
 * out bad is cut off: the status cannot be taken back, but an incomplete answer is a failure to every client.
 */
export function lateAnswer(answer: Promise<LateAnswer>): Readable {
  const stream = new PassThrough();
  stream.write(' '); // sends the headers, and tells the router that somebody is here
  const spaces = setInterval(() => stream.write(' '), SPACE_EVERY_MS);
  stream.once('close', () => {
    clearInterval(spaces);
  });
  answer.then(
    ({ text, isGood }) => {
      clearInterval(spaces);
      if (isGood) stream.end(text);
      else stream.write(text, () => setImmediate(() => stream.destroy(new Error('The drain was not safe'))));
    },
    (error: unknown) => stream.destroy(asError(error)),
  );
  return stream;
}
