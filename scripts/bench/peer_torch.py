#!/usr/bin/python3
"""
The peer of the benchmark: DenseNet121 of TorchXRayVision's shape in PyTorch, with weights and files that the benchmark
hands over, prepared in TorchXRayVision's way: whole image, values to -1024..1024, centre crop, resize to 224.
Reads DICOM only as the benchmark writes it: one frame, raw or JPEG 2000 (decoded by Pillow's OpenJPEG).

  peer_torch.py WEIGHTS.json PROCESSES SECONDS FILE...

As many processes with one thread each, which is the fastest arrangement found. The resize is scikit-image's, as
TorchXRayVision has it, or PyTorch's own; one image at a time or four. Prints one JSON object: for each way
images a second of all processes, and milliseconds of processor time for one image.
"""
import io
import json
import multiprocessing
import struct
import sys
import time

import numpy
import skimage.transform
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

BLOCKS = (6, 12, 24, 16)
GROWTH = 32
FINDINGS = 18
SIZE = 224
WAYS = (("skimage", 1), ("torch", 1), ("torch", 4))


class DenseLayer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * GROWTH)
        self.conv2 = nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(functional.relu(self.norm1(x)))
        y = self.conv2(functional.relu(self.norm2(y)))
        return torch.cat([x, y], 1)


class Transition(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x):
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2)


class DenseNet121(nn.Module):
    """Names of the parts as in PyTorch's published weights."""

    def __init__(self):
        super().__init__()
        channels = 2 * GROWTH
        features = nn.Sequential()
        features.add_module("conv0", nn.Conv2d(1, channels, 7, stride=2, padding=3, bias=False))
        features.add_module("norm0", nn.BatchNorm2d(channels))
        features.add_module("relu0", nn.ReLU())
        features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for index, layers in enumerate(BLOCKS):
            block = nn.Sequential()
            for layer in range(layers):
                block.add_module(f"denselayer{layer + 1}", DenseLayer(channels))
                channels += GROWTH
            features.add_module(f"denseblock{index + 1}", block)
            if index < len(BLOCKS) - 1:
                features.add_module(f"transition{index + 1}", Transition(channels))
                channels //= 2
        features.add_module("norm5", nn.BatchNorm2d(channels))
        self.features = features
        self.classifier = nn.Linear(channels, FINDINGS)

    def forward(self, x):
        y = functional.relu(self.features(x))
        return self.classifier(functional.adaptive_avg_pool2d(y, 1).flatten(1))


def load_weights(path):
    with open(path) as file:
        index = json.load(file)
    values = numpy.fromfile(index["values"], dtype="<f4")
    return {
        name: torch.from_numpy(values[at : at + int(numpy.prod(shape))].reshape(shape).copy())
        for name, at, shape in index["tensors"]
    }


def read_image(path):
    """Stored values. The benchmark's files are explicit VR little endian and end with the pixels."""
    with open(path, "rb") as file:
        data = file.read()
    us = lambda tag: struct.unpack_from("<H", data, data.index(tag + b"US\x02\x00") + 8)[0]
    rows, columns, bits = us(b"\x28\x00\x10\x00"), us(b"\x28\x00\x11\x00"), us(b"\x28\x00\x01\x01")
    start = data.find(b"\xff\x4f\xff\x51")
    if start >= 0:
        return numpy.asarray(Image.open(io.BytesIO(data[start:]))), bits
    at = data.rindex(b"\xe0\x7f\x10\x00OW\x00\x00") + 12
    return numpy.frombuffer(data, "<u2", rows * columns, at).reshape(rows, columns), bits


def prepare(path, resize):
    pixels, bits = read_image(path)
    image = pixels.astype(numpy.float32) * (2048 / (2**bits - 1)) - 1024
    side = min(image.shape)
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    image = image[top : top + side, left : left + side]
    if resize == "skimage":
        small = skimage.transform.resize(image, (SIZE, SIZE), mode="constant", preserve_range=True)
        return torch.from_numpy(small.astype(numpy.float32))[None]
    whole = torch.from_numpy(image)[None, None]
    return functional.interpolate(whole, (SIZE, SIZE), mode="bilinear", antialias=True)[0]


def work(weights, files, seconds, barrier, results):
    torch.set_num_threads(1)
    model = DenseNet121()
    others = model.load_state_dict(load_weights(weights), strict=False)
    assert not others.unexpected_keys, others
    assert all(key.endswith("num_batches_tracked") for key in others.missing_keys), others
    model.eval()
    with torch.no_grad():
        for resize, batch in WAYS:
            model(torch.stack([prepare(files[0], resize)] * batch))
            barrier.wait()
            start = time.perf_counter()
            start_cpu = time.process_time()
            done = 0
            while time.perf_counter() - start < seconds:
                images = [prepare(files[(done + i) % len(files)], resize) for i in range(batch)]
                model(torch.stack(images))
                done += batch
            rate = done / (time.perf_counter() - start)
            cpu_ms = 1000 * (time.process_time() - start_cpu) / done
            results.put((f"{resize}, {batch} at once", rate, cpu_ms))


def main():
    weights, processes, seconds, *files = sys.argv[1:]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(int(processes))
    results = context.Queue()
    arguments = (weights, files, float(seconds), barrier, results)
    children = [context.Process(target=work, args=arguments) for _ in range(int(processes))]
    for child in children:
        child.start()
    rates = {}
    for _ in range(len(WAYS) * len(children)):
        way, rate, cpu_ms = results.get(timeout=300)
        entry = rates.setdefault(way, {"imagesPerSecond": 0, "cpuMsPerImage": 0})
        entry["imagesPerSecond"] += rate
        entry["cpuMsPerImage"] += cpu_ms / len(children)
    for child in children:
        child.join()
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
