# SPDX-License-Identifier: Apache-2.0
"""torch_loop.py same | compiled | triton | infer SECONDS | steps SECONDS | eager SECONDS | train SECONDS | resnet [SECONDS] | transformer [SECONDS]
small PyTorch loops for scripts/gpu-kit. infer, steps, eager and train: of a small convolutional network, or with a second argument
"resnet50" of a ResNet-50.

same         a fixed training and inference run, eager and as a CUDA graph: prints a digest of the results
compiled     inference by torch.compile, with its own CUDA graphs: a digest
triton       a kernel of Triton: a digest
infer        inference every 20 ms, as a CUDA graph: latency percentiles in ms
steps        inference every 20 ms, eager, waiting for the GPU after each layer: latency percentiles in ms
eager        inference every 20 ms, eager: latency percentiles in ms
train        training without a pause: iterations per second
resnet       a ResNet-50, eager, inference without a pause: how much longer it takes with libreef's hooks than without them, in one process
transformer  a small encoder, training without a pause: the same

KIT_PROGRESS  a file in which loops without a pause count, and from which the others tell how often a second those went round meanwhile
KIT_FLIP      a library of flip.c, for resnet and transformer
KIT_SHARE     a library of share.c: resnet and transformer tell of what libraries their time is made instead, and leave KIT_SHARE_SAMPLES
"""
import collections
import ctypes
import hashlib
import json
import math
import os
import pathlib
import random
import statistics
import sys
import time

import torch
from torch import nn


def network():
    torch.manual_seed(1)
    layers = []
    width = 3
    for out in (64, 128, 256, 512):
        layers += [nn.Conv2d(width, out, 3, 2, 1), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1), nn.ReLU()]
        width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000)).cuda()


def capture(model, x):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        for _ in range(3):
            model(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        y = model(x)
    return graph, y


def train_step(model, optimizer, x, target):
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(x), target).backward()
    optimizer.step()


def same():
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(16, 3, 64, 64).cuda()
    target = torch.arange(16).cuda()
    for _ in range(20):
        train_step(model, optimizer, x, target)
    model.eval()
    graph, y = capture(model, x)
    graph.replay()
    torch.cuda.synchronize()
    with torch.no_grad():
        eager = model(x)
    digest = hashlib.sha256(y.cpu().numpy().tobytes()).hexdigest()[:16]
    return {'digest': digest, 'graph_differs': float((eager - y).abs().max())}


def digest_of(y):
    return {'digest': hashlib.sha256(y.detach().float().cpu().numpy().tobytes()).hexdigest()[:16]}


def compiled():
    model = network().eval()
    x = torch.arange(8 * 3 * 64 * 64, dtype=torch.float32).reshape(8, 3, 64, 64).cuda() / 1e5
    fast = torch.compile(model, mode='reduce-overhead')
    with torch.no_grad():
        for _ in range(10):
            y = fast(x).clone()
    return digest_of(y)


def triton_kernel():
    global tl  # the kernel looks for it among the module's names
    import triton
    import triton.language as tl

    @triton.jit
    def scale(x, y, count, BLOCK: tl.constexpr):
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        mask = at < count
        tl.store(y + at, tl.load(x + at, mask=mask) * 3 + 1, mask=mask)

    x = torch.arange(1 << 20, dtype=torch.int32).cuda()
    for _ in range(200):
        y = torch.empty_like(x)
        scale[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), BLOCK=1024)
        x = y
    return {'digest': hashlib.sha256(x.cpu().numpy().tobytes()).hexdigest()[:16]}


class Bottleneck(nn.Module):
    """He et al., Deep Residual Learning (2016), fig. 5 right; the stride in the 3x3 convolution, as most have it."""

    def __init__(self, width, middle, out, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
                                  nn.Conv2d(middle, middle, 3, stride, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
                                  nn.Conv2d(middle, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = nn.Identity() if width == out else nn.Sequential(
            nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet50():
    """The 50 layers of table 1 there."""
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for middle, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            layers.append(Bottleneck(width, middle, 4 * middle, stride if i == 0 else 1))
            width = 4 * middle
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000)).cuda()


def chosen():
    return resnet50() if sys.argv[3:] == ['resnet50'] else network()


def progress():
    """How often the loop beside this one has gone round, and when that was; or None."""
    try:
        count, when = pathlib.Path(os.environ['KIT_PROGRESS']).read_text().split()
        return int(count), float(when)
    except (KeyError, OSError, ValueError):
        return None


def note_progress(count):
    if 'KIT_PROGRESS' in os.environ:
        new = pathlib.Path(os.environ['KIT_PROGRESS'] + '.new')
        new.write_text(f'{count} {time.monotonic()}')
        new.rename(os.environ['KIT_PROGRESS'])


def per_second(step, seconds):
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + seconds:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        count += 5
        note_progress(count)
    return {'iterations_per_s': count / (time.monotonic() - begin)}


def shares(step, seconds):
    """Of what libraries the time of this thread is made, in per cent."""
    library, samples = ctypes.CDLL(os.environ['KIT_SHARE']), os.environ['KIT_SHARE_SAMPLES'].encode()
    if library.share_begin() != 0:
        sys.exit('no timer')
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(40):
            step()
        torch.cuda.synchronize()
    library.share_end(samples)
    names = [line.split()[0] for line in open(samples)]
    counts = collections.Counter(name.split('.so')[0] for name in names)
    percent = {name: round(100 * n / len(names), 2) for name, n in counts.most_common(8)}
    return {'samples': len(names), 'libreef': round(100 * counts['libreef'] / len(names), 2), 'of': percent}


def flips(step, seconds, count=5):
    """How much longer the same process takes with libreef's hooks than without: the median of the ratios of turns side by side, and its error."""
    library = ctypes.CDLL(os.environ['KIT_FLIP'])
    places = library.flip_find()
    if places <= 0:
        sys.exit('no hooks of libreef here')
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])  # this thread alone
    times, end = ([], []), time.monotonic() + seconds
    while time.monotonic() < end:
        for hooked in random.choice(((0, 1), (1, 0))):
            library.flip(hooked)
            step()
            torch.cuda.synchronize()
            begin = time.perf_counter()
            for _ in range(count):
                step()
            torch.cuda.synchronize()
            times[hooked].append(time.perf_counter() - begin)
    library.flip(1)
    ratios = sorted(hooked / plain for plain, hooked in zip(*times))
    around = math.sqrt(len(ratios)) / 2  # a standard error of the median's rank
    low, high = (ratios[int(len(ratios) / 2 + sign * around)] for sign in (-1, 1))
    return {'places': places, 'turns': len(ratios), 'ratio': round(statistics.median(ratios), 4), 'error': round((high - low) / 2, 4),
            'of_medians': round(statistics.median(times[1]) / statistics.median(times[0]), 4),
            'of_fastest': round(statistics.mean(sorted(times[1])[:len(ratios) // 10]) / statistics.mean(sorted(times[0])[:len(ratios) // 10]), 4),
            'ms': round(1e3 * statistics.median(times[0]) / count, 3)}


def measured(step, seconds):
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    return shares(step, seconds) if 'KIT_SHARE' in os.environ else flips(step, seconds)


def resnet(seconds=30):
    model = resnet50().eval()
    x = torch.randn(8, 3, 224, 224).cuda()
    with torch.no_grad():
        return measured(lambda: model(x), seconds)


def transformer(seconds=30):
    torch.manual_seed(1)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 4, 512, batch_first=True), 4).cuda()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(16, 128, 256).cuda()

    def step():
        optimizer.zero_grad(set_to_none=True)
        model(x).square().mean().backward()
        optimizer.step()

    return measured(step, seconds)


def latencies(request, seconds):
    """A request every 20 ms, from its start until the GPU is done."""
    times = []
    before, following = progress(), time.monotonic()
    end = following + seconds
    while time.monotonic() < end:
        following += 0.02
        time.sleep(max(0.0, following - time.monotonic()))
        begin = time.perf_counter()
        request()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    after = progress()
    times = sorted(times[10:])
    figures = {'requests': len(times), 'p50_ms': times[len(times) // 2], 'p99_ms': times[int(len(times) * .99)], 'max_ms': times[-1]}
    if before and after and after[1] > before[1]:
        figures['beside_per_s'] = (after[0] - before[0]) / (after[1] - before[1])
    return figures


def infer(seconds):
    graph, _ = capture(chosen().eval(), torch.randn(1, 3, 224, 224).cuda())
    return latencies(graph.replay, seconds)


def eager(seconds):
    model = chosen().eval()
    x = torch.randn(1, 3, 224, 224).cuda()
    with torch.no_grad():
        return latencies(lambda: model(x), seconds)


def steps(seconds):
    model = chosen().eval()
    x = torch.randn(1, 3, 224, 224).cuda()

    def request():
        y = x
        for layer in model:
            y = layer(y)
            torch.cuda.synchronize()

    with torch.no_grad():
        return latencies(request, seconds)


def train(seconds):
    model = chosen()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(64, 3, 224, 224).cuda()
    target = torch.randint(0, 1000, (64,)).cuda()
    return per_second(lambda: train_step(model, optimizer, x, target), seconds)


if __name__ == '__main__':
    loops = {'same': same, 'compiled': compiled, 'triton': triton_kernel, 'infer': infer, 'eager': eager, 'steps': steps, 'train': train,
             'resnet': resnet, 'transformer': transformer}
    print(json.dumps(loops[sys.argv[1]](*map(float, sys.argv[2:3]))))
