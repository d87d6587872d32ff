# The interpreter's handlers run while its first thread waits for others.
import os, signal, subprocess, sys, threading, time

def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

say("begins")
heard = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: (say(f"heard {number}"), heard.set()))

def send():
    time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)
    never.wait(10)

never = threading.Event()
thread = threading.Thread(target=send)
thread.start()
assert heard.wait(10)
never.set()
thread.join()
say(subprocess.run(["/bin/sh", "-c", "echo from a child; exit 3"], capture_output=True, text=True).stdout.strip())

lock = threading.Lock()
lock.acquire()
def interrupt(number, frame):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    lock.acquire()
except KeyboardInterrupt:
    say("interrupted")
say("ends")
