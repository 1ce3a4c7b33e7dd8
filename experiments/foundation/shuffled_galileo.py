"""Galileo nano with the numbers of each of its tensors in random order, for `gapfill_evaluate --model`: what does a ridge
from features gain if the network that makes them has learned nothing?"""
import torch

from gapfill_baseline.networks.galileo import read_galileo

def load(
    weights # folder of Galileo nano
): # the network, shuffled
    "Read Galileo, and shuffle each of its tensors"
    net = read_galileo(weights, own_date=True)
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for x in net.parameters(): x.copy_(x.flatten()[torch.randperm(x.numel(), generator=g)].view_as(x))
    return net
