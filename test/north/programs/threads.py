import threading, time, queue
log, lock, jobs = [], threading.Lock(), queue.Queue()
def work(name):
    while True:
        job = jobs.get()
        if job is None: return
        x = 0
        for i in range(job * 1000): x += i
        with lock: log.append((name, job, time.monotonic_ns()))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads: t.start()
for i in range(200): jobs.put(i % 17)
for t in threads: jobs.put(None)
for t in threads: t.join()
for line in log: print(*line)
