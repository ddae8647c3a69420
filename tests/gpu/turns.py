# SPDX-License-Identifier: Apache-2.0
"""turns.py TURNS COPIES COMMAND A -- COMMAND B: what B takes more than A, as a ratio, although host and processes vary.

COPIES of each are started, and all work in turns, one at a time: what changes in the host changes for all. And two processes of one program
differ by several per cent for as long as they live (where their memory lies, how Python hashes), so there must be several of each.
A command prints a line when it is ready, and then, for each line that it reads, works and prints how many seconds it took;
it ends with its input (torch_loop.py resnet). Prints the ratio of the mean logarithms, its standard error from what the copies differ by,
and of each copy the median of its turns in milliseconds.
"""
import json
import math
import os
import statistics
import subprocess
import sys


def start(command):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def line_of(program):
    line = program.stdout.readline()
    if not line:
        sys.exit(f'a program ended with status {program.wait()}: {program.args}')
    return line


def turn(program):
    program.stdin.write('go\n')
    return float(line_of(program))


def main():
    turns, copies, both = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    at = both.index('--')
    a, b = ([start(command) for _ in range(copies)] for command in (both[:at], both[at + 1:]))
    programs = [program for pair in zip(a, b) for program in pair]
    for program in programs:
        line_of(program)  # ready
    cores = sorted(os.sched_getaffinity(0))[-2:]  # not before: starting is what takes long
    for program in programs:
        subprocess.run(['taskset', '-acp', ','.join(map(str, cores)), str(program.pid)], stdout=subprocess.DEVNULL, check=True)
        turn(program)  # once for nothing
    times = {program: [] for program in programs}
    for i in range(turns):
        for program in programs[::-1] if i % 2 else programs:
            times[program].append(turn(program))
    for program in programs:
        program.stdin.close()
        program.wait()
    logs_a, logs_b = ([math.log(statistics.median(times[program])) for program in some] for some in (a, b))
    error = math.sqrt(sum(statistics.variance(logs) / copies for logs in (logs_a, logs_b)))
    print(json.dumps({'ratio': round(math.exp(statistics.mean(logs_b) - statistics.mean(logs_a)), 4), 'error': round(error, 4),
                      'a_ms': [round(1e3 * math.exp(log), 1) for log in sorted(logs_a)],
                      'b_ms': [round(1e3 * math.exp(log), 1) for log in sorted(logs_b)]}))


if __name__ == '__main__':
    main()
