# What rq.js starts: a job that does nothing, and, run as a script, a producer of as many as its argument says.
import os
import sys


def bench(payload):
    pass


if __name__ == '__main__':
    from redis import Redis
    from rq import Queue

    queue = Queue('bench', connection=Redis.from_url(os.environ['REDIS_URL']))
    data = [
        Queue.prepare_data('rq_job.bench', (sys.argv[2],), result_ttl=0) for _ in range(int(sys.argv[1]))
    ]
    queue.enqueue_many(data)
