"""What the server of forks does last; nobody else imports this."""

import gc
import signal

from harness.system.fork_server import interrupt

signal.signal(signal.SIGINT, interrupt)  # Python has the server ignore it from here on
# What is imported by now is no garbage. Looking through it takes the server seconds as it ends, and
# each process of its own a twentieth of the time that plots take, and a copy of the shared memory.
gc.freeze()
