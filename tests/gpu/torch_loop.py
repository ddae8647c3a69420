# SPDX-License-Identifier: Apache-2.0
"""torch_loop.py same | infer SECONDS | train SECONDS: small PyTorch loops for scripts/gpu-kit.

same   a fixed training and inference run, eager and as a CUDA graph: prints a digest of the results
infer  inference every 20 ms, as a CUDA graph: latency percentiles in ms
train  training without a pause: iterations per second
"""
import hashlib
import json
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


def infer(seconds):
    model = network().eval()
    x = torch.randn(1, 3, 224, 224).cuda()
    graph, _ = capture(model, x)
    times = []
    end = time.monotonic() + seconds
    following = time.monotonic()
    while time.monotonic() < end:
        following += 0.02
        time.sleep(max(0.0, following - time.monotonic()))
        begin = time.perf_counter()
        graph.replay()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    times = sorted(times[10:])
    return {'requests': len(times), 'p50_ms': times[len(times) // 2], 'p99_ms': times[int(len(times) * .99)], 'max_ms': times[-1]}


def train(seconds):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x = torch.randn(64, 3, 224, 224).cuda()
    target = torch.randint(0, 1000, (64,)).cuda()
    for _ in range(5):
        train_step(model, optimizer, x, target)
    torch.cuda.synchronize()
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + seconds:
        for _ in range(5):
            train_step(model, optimizer, x, target)
        torch.cuda.synchronize()
        count += 5
    return {'iterations_per_s': count / (time.monotonic() - begin)}


if __name__ == '__main__':
    what = sys.argv[1]
    print(json.dumps(same() if what == 'same' else infer(float(sys.argv[2])) if what == 'infer' else train(float(sys.argv[2]))))
