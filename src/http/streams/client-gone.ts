import type { RestRequest } from '../reply.js';

/** Calls `listener` when the client's connection closes. Answers the way to stop waiting. */
export function onClientGone(request: RestRequest, listener: () => void): () => void {
  const socket = request.raw?.socket ?? request.socket;
  socket?.once('close', listener);
  return () => socket?.removeListener('close', listener);
}
