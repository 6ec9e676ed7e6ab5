import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Ends `pid` when *this* process is gone, however it went. A process that is killed with SIGKILL can clean up nothing
 * itself, so a shell of one line waits at the other end of a pipe: the kernel closes our end when we die, the shell
 * reads the end of file and sends the signals. Returns the function that calls the guard off.
 */
export function guard(pid: number, signal: NodeJS.Signals, graceSeconds: number): () => void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'guard', String(pid), bare(signal), String(graceSeconds)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C goes to the whole foreground group; the guard must outlive it
    cwd: '/',
  });
  shell.on('error', () => undefined); // no /bin/sh: unguarded, and the next start finds the leftover
  shell.stdin.on('error', () => undefined); // the guard was called off while we looked away
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref(); // a pipe is a Socket, but typed as any Writable
  return () => {
    shell.kill('SIGKILL');
  };
}

// A container's first process may reap nobody: an ended server then stays as a zombie (Z), which no signal removes.
const SCRIPT = `
while read -r _; do :; done
kill -CONT "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null) 2>/dev/null
kill -"$2" "$1" 2>/dev/null || exit 0
left=$(( $3 * 5 ))
while [ "$left" -gt 0 ] && kill -0 "$1" 2>/dev/null; do
  case "$(cat "/proc/$1/stat" 2>/dev/null)" in *") Z "*) exit 0 ;; esac
  sleep 0.2; left=$((left - 1))
done
kill -KILL "$1" 2>/dev/null
`;

function bare(signal: NodeJS.Signals): string {
  return signal.replace(/^SIG/, '');
}
