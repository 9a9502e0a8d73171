"""A Lightning callback that records a training: ``pip install 'ib-run[lightning]'``.

python examples/lightning_callback.py [EPOCHS]
"""

import sys

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ib_runner


class Record(lightning.Callback):
    """Keeps the weights of ``module.network`` and the logged metrics after every epoch."""

    def __init__(self, x, y, **keywords):
        self.x, self.y, self.keywords = x, y, keywords

    def on_train_start(self, trainer, module):
        self.recorder = ib_runner.Recorder(module.network, self.x, self.y, **self.keywords)

    def on_train_epoch_end(self, trainer, module):
        self.recorder.epoch(**{name: float(one) for name, one in trainer.callback_metrics.items()})

    def on_train_end(self, trainer, module):
        self.recorder.finish()

    def on_exception(self, trainer, module, exception):
        self.recorder.__exit__(type(exception), exception, None)


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        layers = nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 2)
        network = nn.Sequential(*layers)
        self.network = ib_runner.networks.with_noise(network, beta=0.1, after=nn.Tanh)

    def training_step(self, batch, _):
        x, y = batch
        loss = nn.functional.cross_entropy(self.network(x), y)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def main(epochs: int = 50, output_root: str = "outputs"):
    lightning.seed_everything(0, verbose=False)
    x = torch.randn(512, 8)
    y = (x[:, 0] * x[:, 1] > 0).long()
    record = Record(x, y, experiment="lightning", output_root=output_root)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        callbacks=[record],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True))
    return record.recorder.run


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:2])).path)
