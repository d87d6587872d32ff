import os, time, random, uuid, tempfile
print(time.time(), time.monotonic(), time.perf_counter_ns())
print(os.urandom(16).hex(), uuid.uuid4(), random.random(), hash("text"))
for _ in range(5):
    time.sleep(0.01)
    print(time.time_ns())
