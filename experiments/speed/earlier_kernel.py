"""The kernel regression of version 0.1.0, as a reference for the speed and error that `filler_speed.py` compares."""
import torch
from torch import Tensor
from torch.nn import functional as F

from gapfill_baseline.core import Filler, Pred, Sample
from gapfill_baseline.fillers.kernel import random_features
from gapfill_baseline.fillers.regression import fill_dates, moments, nearest_dates, regress_dates, solve_ridge, spread
from gapfill_baseline.models import from_others

def _standardised(x):
    "Centre each band of `x` (...,C,N) and divide it by its standard deviation over the pixels, plus 0.005"
    x = x-x.mean(-1, keepdim=True)
    return x/(x.square().mean(-1, keepdim=True).sqrt()+.005)

def _positions(height, width, device):
    "List row and column of every pixel, (2,H*W)"
    rows = torch.arange(height, device=device)
    columns = torch.arange(width, device=device)
    return torch.stack(torch.meshgrid(rows, columns, indexing='ij')).flatten(1)

def _nearest_spectra(s, base, b, t):
    "Gather the spectra of the two nearest other dates, (K,2,C,H,W), and flags (K,2,1,H,W) that are 1 where clear"
    others = nearest_dates(s.days)[b,t][:,:2]
    flags = (~s.gap[b[:,None],others]).unsqueeze(2).to(base)
    return torch.lerp(base[b,t][:,None], s.observed[b[:,None],others], flags), flags

def _kernel_inputs(
    s:Sample,    # a batch
    base:Tensor, # prediction from the other dates only, reflectance, (B,T,C,H,W)
    b:Tensor,    # chips of the dates to fill, int64, (K,)
    t:Tensor,    # positions of these dates, int64, (K,)
    width:float=1.5, # of the kernel, standard deviations of a band
    reach:float=30   # of the kernel, pixels
)->Tensor: # spectra, flags and position, (K,n,H*W)
    "Gather the inputs by which the kernel compares pixels, in units of its width"
    spectra,flags = _nearest_spectra(s, base, b, t)
    spectra = _standardised(spectra.flatten(-2)).flatten(1,2)
    flags = flags.flatten(1,2).flatten(-2)
    positions = _positions(*s.gap.shape[-2:], spectra.device).expand(len(spectra),2,-1)
    return torch.cat([spectra/width, flags, positions/reach], 1)

_FIT_PIXELS = 2**14 # a fit skips pixels of a chip that has at least twice as many

def _kernel_features(u, n, seed):
    "Join a leading 1, the spectra and flags, and `n` random features of all inputs `u` (K,I,N)"
    return F.pad(torch.cat([u[:,:-2], random_features(u, n, seed)], 1), (0,0,1,0), value=1)

def _fit_residual(features, residual, clear, lam):
    "Regress `residual` (K,C,N) on `features` (K,1+F,N) over every k-th pixel, and predict every pixel"
    k = max(1, features.shape[-1]//_FIT_PIXELS)
    gram,cross = moments(features[...,::k], residual[...,::k], clear[...,::k])
    return solve_ridge(gram, cross, lam)@features

def kernel_dates(
    s:Sample,    # a batch
    base:Tensor, # prediction from the other dates only, reflectance, (B,T,C,H,W)
    b:Tensor,    # chips of the dates to fill, int64, (K,)
    t:Tensor,    # positions of these dates, int64, (K,)
    draws:int=3, # sets of random features whose predictions are averaged
    n:int=256,   # random features in a set
    lam:float=1. # penalty on the slopes
)->Tensor: # reflectance, (K,C,H,W)
    "Regress the given dates on the other dates of their chips, first linearly, then with a kernel"
    predicted = regress_dates(s, base, b, t, misses=False)
    observed = s.observed[b,t]
    clear = ~s.gap[b,t]
    residual = ((observed-predicted)*clear[:,None]).flatten(-2)

    u = _kernel_inputs(s, base, b, t)
    for seed in range(draws):
        features = _kernel_features(u, n, seed)
        correction = _fit_residual(features, residual, clear.flatten(-2), lam)
        predicted = predicted + correction.view_as(predicted)/draws
    return predicted + spread(observed-predicted, clear)

class EarlierKernelFill(Filler):
    "The kernel regression of version 0.1.0"
    def predict(self, s): return Pred(fill_dates(kernel_dates, s, from_others(s), at_once=2**18))
