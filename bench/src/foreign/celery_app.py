# What celery.js starts: a task that does nothing, and, run as a script, a producer of as many as its argument says.
import os
import sys

from celery import Celery

app = Celery('bench', broker=os.environ['REDIS_URL'])
app.conf.task_ignore_result = True


@app.task(name='bench')
def bench(payload):
    pass


if __name__ == '__main__':
    with app.producer_pool.acquire() as producer:
        for _ in range(int(sys.argv[1])):
            bench.apply_async((sys.argv[2],), producer=producer)
