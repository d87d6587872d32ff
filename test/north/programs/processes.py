import os, signal, subprocess, time
got = []
signal.signal(signal.SIGCHLD, lambda *a: got.append(time.monotonic_ns()))
r, w = os.pipe()
for i in range(5):
    pid = os.fork()
    if pid == 0:
        os.write(w, f"{i} {os.getpid()} {os.urandom(4).hex()} {time.time_ns()}\n".encode())
        os._exit(i)
    print("forked", pid)
    print(os.waitpid(pid, 0))
os.close(w)
print(os.read(r, 10000).decode())
print(subprocess.run(["sh", "-c", "date +%N; echo $$"], capture_output=True, text=True).stdout)
print(len(got) > 0, got)
