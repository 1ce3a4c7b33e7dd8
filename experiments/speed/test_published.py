"""Test published.py with a made copy of its interface: `python experiments/speed/test_published.py`. With the folder of
a copy of the published code, that code is compared with ours as well."""
import sys
import tempfile
from pathlib import Path

import torch
from fastcore.test import *

from plain import PlainStep, moved_apart, weights_of
from gapfill_baseline.networks.cgan import PlainCritic, PlainGenerator
from published import *

torch.set_num_threads(1)
modules = {
    'loss.py': "class HingeGenerator: pass\nclass HingeDiscriminator: pass\n",
    'trainer.py': """import loss, tqdm, torchvision
class Trainer:
    def __init__(self): raise RuntimeError('wants a GPU')
    def g_one_step(self, sample, split):
        filled = self.g_net(sample['masked'])*sample['cloud']
        error = ((filled-sample['unmasked'])**2).mean()
        self.g_optim.zero_grad()
        error.backward()
        self.g_optim.step()
        return error, error, error, error
    def d_one_step(self, epoch, i, sample, split): return self.d_net(sample['masked'], sample['unmasked'])
""",
    'models/__init__.py': '',
    'models/generator.py': """import torch
class ResnetEncoderDecoder(torch.nn.Module):
    def __init__(self, channels, init_nc, output_nc):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, output_nc, 1)
    def forward(self, x): return self.conv(x)
""",
    'models/discriminator.py': """import torch
def PatchGAN(channels): return torch.nn.Conv2d(channels, 1, 1)
class Multiscale(torch.nn.Module):
    def __init__(self, critics):
        super().__init__()
        self.critics = torch.nn.ModuleList(critics)
    def forward(self, a, b): return self.critics[0](torch.cat([a, b], 1)).mean()
"""}

def write_copy(folder):
    "Write a repository that has the interface of the published one, and nothing else of it"
    for name,text in modules.items():
        path = Path(folder)/'code'/name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

def batch(size=16):
    torch.manual_seed(0)
    target = torch.rand(2, 18, size, size)
    cloud = (torch.rand(2, 1, size, size) > .6).float().expand_as(target)
    return target*(1-cloud), target, cloud

def test_copy():
    "The step runs on this device, trains the generator, and leaves nothing behind in the interpreter"
    conv = torch.nn.Conv2d(18, 18, 1).state_dict()
    critic = torch.nn.Conv2d(36, 1, 1).state_dict()
    weights = dict(generator={f'conv.{k}': v for k,v in conv.items()},
                   critic={f'critics.{i}.{k}': v for i in range(2) for k,v in critic.items()})
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as tmp:
        write_copy(tmp)
        step = PublishedStep(tmp, weights)
    test_eq({name.partition('.')[0] for name in set(sys.modules)-before} & {'trainer','loss','models'}, set())
    test_eq('torchvision' in sys.modules, 'torchvision' in before)
    first,second = step.train(batch()),step.train(batch())
    assert second['mse'] < first['mse']

def test_missing():
    with tempfile.TemporaryDirectory() as tmp:
        with expect_fail(ValueError, 'which holds no trainer.py beside loss.py and models; pass a copy'):
            published_folder(tmp)

def test_real(folder):
    "From the same weights, the published step and the plain one learn the same"
    torch.manual_seed(0)
    g,d = PlainGenerator(model_cap=2),PlainCritic()
    plain,start = PlainStep(g, d),weights_of(g)
    theirs = PublishedStep(folder, dict(generator=g.state_dict(), critic=d.state_dict()), cap=2)
    a,b = theirs.train(batch(32)),plain.train(batch(32))
    for k in a: test_close(a[k], b[k], 1e-4 if 'loss' in k else 1e-6)
    assert moved_apart(theirs.g, g, start) < .02

for f in (test_copy, test_missing): f()
if sys.argv[1:]: test_real(sys.argv[1])
