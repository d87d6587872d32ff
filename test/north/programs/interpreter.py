# Threads under an interpreter's lock, with queues, timers and timeouts.
import queue, random, sys, threading, time

def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

say("begins")
results = queue.Queue()
sums = [0]
lock = threading.Lock()

def work(number):
    for i in range(10):
        with lock:
            before = sums[0]
            sum(range(2000))
            sums[0] = before + 1
        if i % 3 == 0:
            time.sleep(0.001)
    results.put(number)

threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
for thread in threads:
    thread.start()
order = [results.get(timeout=10) for _ in threads]
for thread in threads:
    thread.join()
say(f"order = {order}")
say(f"sum {sums[0]}")
event = threading.Event()
threading.Timer(0.01, event.set).start()
event.wait(0.001)
assert event.wait(10)
say(f"random = {random.random()} {time.time()} {hash('text')} {id(object()) % 1}")
last = time.monotonic()
for i in range(20):
    now = time.monotonic()
    assert last <= now < last + 10
    last = now
    time.sleep(0.0005)
say("ends")
