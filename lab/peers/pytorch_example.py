"""PyTorch's own MNIST example (github.com/pytorch/examples, mnist/main.py), as it runs on a CPU with its defaults.

Two convolutions of 32 and 64, a dense layer of 128, dropout; Adadelta at 1.0, times 0.7 an epoch; batches of 64; data
through torch's DataLoader in the order of the file (the example shuffles on an accelerator only). Its images come from
torchvision, which is not installed here: `Images` does per item what torchvision's MNIST, ToTensor and Normalize do.
With `--loader` it prints the seconds of one pass through the loader alone.
"""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import nn, optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

from lab.peers import peer_protocol


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        return F.log_softmax(self.fc2(x), dim=1)


class Images(Dataset):
    def __init__(self, images, labels):
        self.data, self.targets = torch.from_numpy(np.array(images)), torch.from_numpy(labels.astype(np.int64))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image, target = self.data[index], int(self.targets[index])
        image = Image.fromarray(image.numpy())  # torchvision.datasets.MNIST
        tensor = torch.from_numpy(np.array(image, np.uint8, copy=True)).view(28, 28, 1)  # ToTensor
        tensor = tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        mean = torch.as_tensor((0.1307,), dtype=torch.float32)  # Normalize
        spread = torch.as_tensor((0.3081,), dtype=torch.float32)
        return tensor.clone().sub_(mean.view(-1, 1, 1)).div_(spread.view(-1, 1, 1)), target


def prepare(images, labels, seed):
    torch.manual_seed(seed)
    loader = DataLoader(Images(images, labels), batch_size=64)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)

    def epoch():
        model.train()
        for data, target in loader:
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
        scheduler.step()

    def predict(images):
        model.eval()
        inputs = (torch.from_numpy(np.array(images))[:, None].float() / 255 - 0.1307) / 0.3081
        with torch.no_grad():
            return torch.cat([model(batch).argmax(1) for batch in inputs.split(1000)]).numpy()

    if LOADER:
        started = time.perf_counter()
        for _ in loader:
            pass
        print(f"one pass through the loader: {time.perf_counter() - started:.2f} s", file=sys.stderr)
    return epoch, predict


LOADER = "--loader" in sys.argv
if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--loader"]
    peer_protocol.run(prepare)
