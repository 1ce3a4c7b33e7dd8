"""Run the training step of the published code, from a copy that the user fetched.

The published code carries no licence, so nothing of it is here. To measure against it, fetch a copy:

    git clone https://github.com/ClarkCGA/gfm-gap-filling-baseline ../published
    python experiments/speed/speed.py --rows published --published ../published

Its networks and its two steps are imported from that folder and run as they are. Two things are made here: the
optimisers, since today's PyTorch refuses the first of the published betas, an integer; and the choice of the device,
which the published code fixes to a GPU. Modules for pictures and progress bars, which a step does not use, are replaced
by empty ones where they are missing."""
import importlib
import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

_needed = 'trainer.py', 'loss.py', 'models/generator.py', 'models/discriminator.py'
_own = 'trainer','loss','models' # names of the published modules, which are in no package
_for_pictures = 'torchvision','tqdm'

def published_folder(
    folder # a copy of the published repository, or the folder in it with the code
)->Path: # the folder with the code
    "Find the published code in a folder, or raise an error"
    for trainer in sorted(Path(folder).rglob('trainer.py')):
        if all((trainer.parent/name).is_file() for name in _needed): return trainer.parent
    raise ValueError(f"published is {folder}, which holds no trainer.py beside loss.py and models; "
                     "pass a copy of github.com/ClarkCGA/gfm-gap-filling-baseline.")

def _missing(name):
    "Test whether a module cannot be imported"
    return name not in sys.modules and importlib.util.find_spec(name) is None

@contextmanager
def _importing_from(folder):
    "Import modules of a folder within the block; afterwards the interpreter is as before"
    own = {name for name in sys.modules if name.partition('.')[0] in _own}
    kept = {name: sys.modules.pop(name) for name in own}
    empty = [name for name in _for_pictures if _missing(name)]
    sys.modules.update({name: ModuleType(name) for name in empty})
    sys.path.insert(0, str(folder))
    try: yield
    finally:
        sys.path.remove(str(folder))
        loaded = [name for name in sys.modules if name.partition('.')[0] in _own or name in empty]
        for name in loaded: del sys.modules[name]
        sys.modules.update(kept)

def _load(folder):
    "Import the published trainer, losses, generators and critics"
    import torchmetrics.image # before an empty torchvision exists, whose version torchmetrics would ask for
    with _importing_from(published_folder(folder)):
        names = 'trainer','loss','models.generator','models.discriminator'
        return [importlib.import_module(name) for name in names]

class PublishedStep:
    "Train batch by batch with the published networks and steps"
    def __init__(self,
        folder, # a copy of the published repository
        weights:dict, # state dict of generator and critic, by these names
        cap:int=64, # model_cap
        channels:int=18, # dates × bands
        device='cpu', # of the networks
        alpha:float=5, # weight of the squared error
        lrs:tuple=(5e-4,1e-4) # learning rates of generator and critic
    ):
        trainer,self.loss,generators,critics = _load(folder)
        self.g = generators.ResnetEncoderDecoder(channels, init_nc=cap, output_nc=channels).to(device)
        self.d = critics.Multiscale([critics.PatchGAN(2*channels) for _ in range(2)]).to(device)
        self.g.load_state_dict(weights['generator'])
        self.d.load_state_dict(weights['critic'])
        self.steps = self._trainer(trainer.Trainer, alpha, lrs, device)
    def _trainer(self, cls, alpha, lrs, device):
        "Make the published trainer without its `__init__`, which needs a GPU"
        from torchmetrics.image import StructuralSimilarityIndexMeasure
        from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError
        adam = lambda net, lr: torch.optim.Adam(net.parameters(), lr, betas=(0., .9))
        t = cls.__new__(cls)
        t.g_net,t.d_net,t.alpha,t.visualization = self.g,self.d,alpha,None
        t.g_optim,t.d_optim = adam(self.g, lrs[0]),adam(self.d, lrs[1])
        t.g_loss,t.d_loss = self.loss.HingeGenerator(),self.loss.HingeDiscriminator()
        t.mean_squared_error,t.mean_abs_error = MeanSquaredError().to(device),MeanAbsoluteError().to(device)
        t.structural_similarity = StructuralSimilarityIndexMeasure(data_range=1.).to(device)
        return t
    def train(self,
        batch # observed, target, cloud on the device, each float32, (B,T*C,H,W)
    )->dict: # g_loss, d_loss, mse, mae
        "Train on a batch"
        observed,target,cloud = batch
        sample = dict(masked=observed, unmasked=target*cloud, cloud=cloud)
        g_loss,mse,mae,_ = self.steps.g_one_step(sample, 'train')
        numbers = dict(g_loss=g_loss, mse=mse, mae=mae, d_loss=self.steps.d_one_step(1, 1, sample, 'train'))
        return {k: v.item() for k,v in numbers.items()}
