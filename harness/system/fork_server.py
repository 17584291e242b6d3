"""What the server of forks does before all else; nobody else imports this."""

import signal

from harness.system.forks import IGNORED

for _number in IGNORED:
    signal.signal(_number, signal.SIG_IGN)
#: What Ctrl-C does to its processes, and would to it while it imports, with a traceback.
interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
