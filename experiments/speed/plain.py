"""Run the published baseline, written as plainly as possible, for comparison with our speed.

The published code carries no licence, so nothing of it is here and nobody needs it to repeat a measurement. This code
was written from a description of its computation, in the way most people would write it first: a file is opened for
each item, every mask is copied to all channels, the generator runs whenever a prediction is needed, and
torchmetrics computes the scores. Nothing is slowed down on purpose. Where the description leaves a choice, the cheaper
one is taken. The networks are the readable ones of `gapfill_baseline.networks.cgan`, whose tensors have the names of
ours.

Each part is compared with ours in test_plain.py: a measurement only counts where both give the same numbers."""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rasterio
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from gapfill_baseline.core import HLS, Sample

# Data. An item is three float32 arrays of T*C channels: the chip with zeros in its gaps, the whole chip, and the gaps.
# All three are copied to the device, 10.8 MB per chip of 3 dates, 6 bands and 224 × 224 pixels.

class PlainChips(Dataset):
    "Chips that are read from their files, one per item"
    def __init__(self,
        items:list, # of (path of the chip, path of the mask over each date or None)
        n_bands:int=6 # bands per date
    ): self.items,self.n_bands = items,n_bands
    def __len__(self): return len(self.items)
    def __getitem__(self, i):
        chip,masks = self.items[i]
        with rasterio.open(chip) as src: target = src.read().astype(np.float32)*HLS.scale
        cloud = np.zeros_like(target)
        for t,p in enumerate(masks):
            if p is None: continue
            with rasterio.open(p) as src: cloud[t*self.n_bands:(t+1)*self.n_bands] = src.read(1)
        return target*(1-cloud), target, cloud

def plain_items(
    ds, # `GapDataset`
    epoch:int=0 # counted from 0
)->list: # of (path of the chip, path of the mask over each date or None)
    "List the files of an epoch of `ds` in its order, so that both programs get the same chips"
    plan,chips,masks = ds.plan(epoch),list(ds.chips.path),list(ds.masks.path)
    return [(chips[i], [masks[m] if m >= 0 else None for m in row]) for i,row in zip(plan.chips, plan.masks)]

# Networks take (B,T,C,H,W); the plain way holds dates and bands as channels.

def by_date(
    x:torch.Tensor, # (B,T*C,H,W)
    n_bands:int # of each date
)->torch.Tensor: # (B,T,C,H,W)
    "Split channels into dates and bands"
    return x.unflatten(1, (-1, n_bands))

def predict(
    generator, # `PlainGenerator`
    observed:torch.Tensor # 0 in the gap, (B,T*C,H,W)
)->torch.Tensor: # prediction, same shape
    "Predict a batch with the generator"
    return generator(by_date(observed, generator.n_bands)).flatten(1, 2)

# Scores

def plain_metrics(
    pred, # reflectance, (B,C,H,W)
    target, # reference reflectance, same shape
    cloud # 1 = hidden, float32, same shape
)->dict: # mse, mae, ssim, scalar tensors
    """Compute the published scores by torchmetrics.

    The release that the published scores were computed with leaves a border of 5 px out of the mean SSIM. Current ones
    do not, so the map of SSIM is cut, then averaged over each image and over images as the library does. A mean over
    all pixels at once would be wrong in the sixth digit for a batch of 16 in float32."""
    from torchmetrics.functional.image import structural_similarity_index_measure # `need` names it where it is missing
    from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error
    p,t = (pred*cloud).contiguous(),(target*cloud).contiguous()
    part = cloud.mean()
    _,similar = structural_similarity_index_measure(p, t, data_range=1., return_full_image=True)
    ssim = similar[...,5:-5,5:-5].flatten(1).mean(-1).mean()
    return dict(mse=mean_squared_error(p, t)/part, mae=mean_absolute_error(p, t)/part, ssim=ssim)

# Training step: generator step, then critic step on a new prediction of the generator that has just learned.

class PlainStep:
    """Train and validate batch by batch.

    The critics' weights get gradients in the generator step too, which are not used. Losses and scores become Python
    numbers after each batch."""
    def __init__(self,
        generator, # `PlainGenerator`
        critic, # `PlainCritic`
        alpha:float=5, # weight of the squared error
        lrs:tuple=(5e-4,1e-4), # learning rates of generator and critic
        metrics=plain_metrics # (pred, target, cloud) -> dict of scores
    ):
        self.g,self.d,self.alpha,self.metrics = generator,critic,alpha,metrics
        adam = lambda net, lr: torch.optim.Adam(net.parameters(), lr, betas=(0., .9))
        self.g_opt,self.d_opt = adam(generator, lrs[0]),adam(critic, lrs[1])
    def fill(self, pred, observed, cloud): return pred*cloud + observed*(1-cloud)
    def weights(self, cloud): return [F.max_pool2d(cloud, 2**(3+s)) for s in range(2)]
    def judge(self, condition, candidate): return self.d(*(by_date(x, self.d.n_bands) for x in (condition, candidate)))
    def backward(self, loss): loss.backward()

    def g_loss(self,
        pred, # reflectance, (B,C,H,W)
        observed, # 0 in the gap, same shape
        target, # reference reflectance, same shape
        cloud # 1 = hidden, same shape
    ): # scalar
        "Add the hinge loss of the generator and alpha times the squared error"
        maps = self.judge(observed, self.fill(pred, observed, cloud))
        hinge = sum(-(m*w).mean() for m,w in zip(maps, self.weights(cloud)))
        return hinge + self.alpha*F.mse_loss(pred*cloud, target*cloud)/cloud.mean()

    def d_loss(self,
        filled, # by the generator, (B,C,H,W)
        observed, # 0 in the gap, same shape
        target, # reference reflectance, same shape
        cloud # 1 = hidden, same shape
    ): # scalar
        "Add up the hinge losses of the critics"
        real,fake = self.judge(observed, target),self.judge(observed, filled)
        zero = torch.zeros((), device=cloud.device)
        part = lambda score, w: -(torch.minimum(score*w-1, zero)*w).mean()
        return sum(part(r, w) + part(-f, w) for r,f,w in zip(real, fake, self.weights(cloud)))

    def train(self,
        batch # observed, target, cloud on the device
    )->dict: # g_loss, d_loss, mse, mae, ssim
        "Train on a batch"
        observed,target,cloud = batch
        pred = predict(self.g, observed)
        g_loss = self.g_loss(pred, observed, target, cloud)
        self.g_opt.zero_grad()
        self.backward(g_loss)
        self.g_opt.step()
        with torch.no_grad(): filled = self.fill(predict(self.g, observed), observed, cloud)
        d_loss = self.d_loss(filled, observed, target, cloud)
        self.d_opt.zero_grad()
        self.backward(d_loss)
        self.d_opt.step()
        return self.numbers(g_loss, d_loss, pred, target, cloud)

    @torch.no_grad()
    def valid(self,
        batch # observed, target, cloud on the device
    )->dict: # g_loss, d_loss, mse, mae, ssim
        "Validate on a batch, with losses"
        observed,target,cloud = batch
        pred = predict(self.g, observed)
        g_loss = self.g_loss(pred, observed, target, cloud)
        filled = self.fill(predict(self.g, observed), observed, cloud)
        d_loss = self.d_loss(filled, observed, target, cloud)
        return self.numbers(g_loss, d_loss, pred, target, cloud)

    @torch.no_grad()
    def numbers(self, g_loss, d_loss, pred, target, cloud):
        "Turn losses and errors into Python numbers"
        out = dict(g_loss=g_loss, d_loss=d_loss) | self.metrics(pred, target, cloud)
        return {k: v.item() if v.device.type != 'meta' else None for k,v in out.items()}

# Adam divides a gradient by its own size, so a gradient of nearly 0 can move a weight in either direction. Two updates
# are therefore compared by the sum of all differences as a share of the sum of all changes.

def weights_of(
    net:nn.Module # a network
)->dict: # name -> tensor on the CPU
    "Copy all parameters"
    return {k: p.detach().cpu().clone() for k,p in net.named_parameters()}

def moved_apart(
    ours:nn.Module, # after a step
    plain:nn.Module, # after the same step
    before:dict # `weights_of` either before it
)->float: # 0 = the same
    "Measure the difference of two updates as a share of the update"
    a,b = weights_of(ours),weights_of(plain)
    off = sum(float((a[k]-b[k]).abs().sum()) for k in before)
    moved = sum(float((a[k]-w).abs().sum()) for k,w in before.items())
    return off/moved

# Statistics: the three scores over all bands of the middle date, and of each band alone.

def plain_chip(
    pred, # reflectance of one chip, (T*C,H,W)
    target, # reference reflectance, same shape
    cloud, # 1 = hidden, same shape
    bands # names of the bands
)->dict: # Overall SSIM, MSE and MAE, Mask Ratio, and SSIM, MSE and MAE of each band
    "Make the row of a chip, for its middle date"
    C = len(bands)
    t = len(pred)//C//2
    p,y,m = (x[t*C:(t+1)*C][None] for x in (pred, target, cloud))
    row = {f'Overall {k.upper()}': v.item() for k,v in plain_metrics(p, y, m).items()} | {'Mask Ratio': m.mean().item()}
    for c,b in enumerate(bands):
        one = plain_metrics(*(x[:,c:c+1] for x in (p, y, m)))
        row |= {f'{b} {k.upper()}': v.item() for k,v in one.items()}
    return row

@torch.no_grad()
def plain_stats(
    generator, # `PlainGenerator`
    items:list, # of `plain_items`
    bands, # names of the bands
    path, # CSV to write
    batch_size:int=16, # chips at a time
    device='cpu' # of the networks
)->pd.DataFrame: # one row per chip
    "Read chips, predict them in training mode, score them, and write the table"
    generator.train()
    rows = []
    for batch in DataLoader(PlainChips(items, len(bands)), batch_size=batch_size):
        observed,target,cloud = (x.to(device) for x in batch)
        pred = predict(generator, observed)
        rows += [plain_chip(*o, bands) for o in zip(pred, target, cloud)]
    df = pd.DataFrame(rows)
    df.to_csv(path, index=False)
    return df

# Comparison: each chip is read, and each filler fills it; each band of each hidden date is scored alone.

def plain_sample(
    item, # observed, target, cloud of `PlainChips`, (T*C,H,W)
    days, # since the first date, float32, (T,)
    doy, # days of the year, float32, (T,)
    n_bands:int=6 # bands per date
)->Sample: # a batch of one chip
    "Make the input of a filler"
    observed,target,cloud = (by_date(torch.as_tensor(x)[None], n_bands) for x in item)
    gap = cloud[:,:,0] > 0
    return Sample(observed, gap, days[None], doy[None], target, torch.ones_like(gap), torch.zeros(1, dtype=torch.int64))

def plain_band(
    pred, # reflectance of one band, (H,W)
    target, # reference reflectance, same shape
    gap # True = hidden, bool, same shape
)->dict: # mae, rmse and psnr of the pixels in the gap; published_mse, published_mae, published_ssim
    "Score one band of one date"
    from torchmetrics.functional.image import peak_signal_noise_ratio
    from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error
    p,t = pred[gap],target[gap]
    row = dict(mae=mean_absolute_error(p, t), rmse=mean_squared_error(p, t, squared=False),
               psnr=peak_signal_noise_ratio(p, t, data_range=1.))
    published = plain_metrics(*(x[None,None] for x in (pred, target, gap.float())))
    return {k: v.item() for k,v in row.items()} | {f'published_{k}': v.item() for k,v in published.items()}

def plain_date(
    pred, # reflectance of one date, (C,H,W)
    target, # reference reflectance, same shape
    gap # True = hidden, bool, (H,W)
)->list: # one dict of scores per band
    "Score the spectral angle of a date, and each band alone"
    from torchmetrics.functional.image import spectral_angle_mapper
    angle = spectral_angle_mapper(*(x[:,gap][None,...,None] for x in (pred, target))).rad2deg().item()
    return [dict(sam=angle) | plain_band(p, t, gap) for p,t in zip(pred, target)]

def plain_rows(
    filler, # a `Filler`
    s:Sample # a batch of one chip
)->list: # one dict per hidden date and band
    "Fill a chip, and score each band of each hidden date"
    mean,rows = filler(s).mean[0],[]
    for t in s.gap[0].flatten(1).any(1).nonzero()[:,0].tolist():
        scores = plain_date(mean[t], s.target[0,t], s.gap[0,t])
        rows += [dict(time_step=t+1, band=c) | one for c,one in enumerate(scores)]
    return rows

@torch.no_grad()
def plain_compare(
    chips:PlainChips, # to be read one by one
    fillers:dict, # name -> `Filler`
    days, # since the first date, float32, (N,T)
    doy, # days of the year, float32, (N,T)
    path # CSV to write
)->pd.DataFrame: # one row per filler, chip, hidden date and band
    "Read chips, fill them, score them, and write the table"
    rows = []
    for i in range(len(chips)):
        s = plain_sample(chips[i], days[i], doy[i], chips.n_bands)
        for name,filler in fillers.items(): rows += [dict(filler=name, chip=i) | r for r in plain_rows(filler, s)]
    df = pd.DataFrame(rows)
    df.to_csv(path, index=False)
    return df

# Pair grids. The table of pixels and what seaborn makes of it grow with the number of chips.

def plain_pairs(
    pixels:pd.DataFrame, # one row per pixel, one column per band
    path # PNG to write
): # seaborn's `PairGrid`
    "Draw band against band by seaborn"
    import seaborn as sns
    grid = sns.PairGrid(pixels).map_offdiag(sns.histplot).map_diag(sns.histplot)
    grid.figure.savefig(path, dpi=100)
    plt.close(grid.figure)
    return grid
