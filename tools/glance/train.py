"""Trains glance on one CUDA GPU until a deadline, evaluates on held-out scenes, and exports.

    python3 train.py --pack PACK --tokenizer tokenizer.json --seconds 1560 --out OUT

The learning rate follows elapsed wall time, so any duration ends annealed. `--init` continues from exported weights.
"""

import argparse
import json
import multiprocessing
import os
import threading
import time
from queue import Queue

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import bpe
from batches import worker
from compose_gpu import Composer
from export import load_safetensors, model_state, write_directory
from generate import answers, scene_arrays
from model import Glance, aux_loss, text_loss
from optimizer import make_optimizers, orthogonalize
from scenes import Pack
from scoring import held_out_questions, score

DEVICE = "cuda"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="wall time of training, compilation included")
    parser.add_argument("--workers", type=int, default=15)
    parser.add_argument("--patches", type=int, default=98304)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--lr", type=float, default=2.5e-3)
    parser.add_argument("--hold", type=float, default=0.3, help="share of the time at the full learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", help="exported model.safetensors to continue from")
    parser.add_argument("--eval", type=int, default=200, help="held-out questions a task")
    parser.add_argument("--save-every", type=float, default=240)
    return parser.parse_args()


class Loader:
    """Batches from worker processes, pinned by a thread."""

    def __init__(self, args: argparse.Namespace):
        context = multiprocessing.get_context("fork")
        self.queue = context.Queue(maxsize=24)
        self.workers = [context.Process(target=worker, daemon=True, args=(
            args.pack, args.tokenizer, args.seed * 1000 + i, args.patches, args.rows, args.length, self.queue))
            for i in range(args.workers)]
        for process in self.workers:
            process.start()
        self.ready: Queue = Queue(maxsize=3)
        threading.Thread(target=self._pin, daemon=True).start()

    def _pin(self) -> None:
        while True:
            batch = self.queue.get()
            count = int((batch["images"][:, 0] > 0).sum())
            self.ready.put((count, {name: torch.from_numpy(array).pin_memory() for name, array in batch.items()}))

    def next(self) -> tuple[int, dict[str, torch.Tensor]]:
        """(number of pictures, arrays on the GPU)"""
        count, batch = self.ready.get()
        return count, {name: tensor.to(DEVICE, non_blocking=True) for name, tensor in batch.items()}

    def close(self) -> None:
        for process in self.workers:
            process.terminate()


class BranchMask:
    """Flex attention's mask of documents with branches, over buffers that every step overwrites."""

    def __init__(self, rows: int, length: int):
        from torch.nn.attention.flex_attention import create_block_mask
        self.doc = torch.zeros(rows, length, dtype=torch.int32, device=DEVICE)
        self.branch = torch.zeros_like(self.doc)
        self.shape = (rows, length)
        self.create = torch.compile(create_block_mask)

    def __call__(self, doc, branch):
        self.doc.copy_(doc)
        self.branch.copy_(branch)
        docs, branches = self.doc, self.branch

        def visible(b, h, q, k):
            prefix = (branches[b, k] == 0) | (branches[b, k] == branches[b, q])
            return (q >= k) & (docs[b, q] == docs[b, k]) & prefix
        return self.create(visible, self.shape[0], None, self.shape[1], self.shape[1], device=DEVICE)


class Trainer:
    def __init__(self, args: argparse.Namespace):
        self.args, self.start = args, time.time()
        self.loader = Loader(args)
        self.pack, self.tok = Pack(args.pack), bpe.load(args.tokenizer)
        torch.manual_seed(args.seed)
        torch.set_float32_matmul_precision("high")
        self.model = Glance(self.tok.size, len(self.pack.kinds)).to(DEVICE)
        if args.init:
            state = model_state(load_safetensors(args.init))
            print("continuing; not in the file:", self.model.load_state_dict(state, strict=False).missing_keys, flush=True)
        self.compose = Composer(self.pack, DEVICE)
        self.mask = BranchMask(args.rows, args.length)
        self.muon, self.adam = make_optimizers(self.model)
        for part in [*self.model.visual.blocks, *self.model.model.layers, self.model.visual.merger]:
            part.compile()
        self.text_loss, self.aux_loss = torch.compile(text_loss), torch.compile(aux_loss)
        import optimizer
        optimizer.orthogonalize = torch.compile(orthogonalize)

    def rate(self, progress: float, step: int) -> float:
        decay = min(1.0, max(0.0, (1 - progress) / (1 - self.args.hold)))
        return self.args.lr * max(decay, 0.002) * min(1.0, (step + 1) / 200)

    def step(self, batch: dict, lr: float, aux_weight: float) -> torch.Tensor:
        """One update; returns [text loss, token accuracy, aux loss, 4 aux accuracies]."""
        patches = self.compose(batch["images"], batch["layers"], batch["masks"], batch["place"])
        mask = self.mask(batch["doc"], batch["branch"])
        ids = batch["ids"].long()
        with torch.autocast("cuda", torch.bfloat16):
            cells = self.model.visual(patches, batch["place"], batch["windows"], batch["pictures"])
            inputs = self.model.embed(ids, cells, batch["cell_at"])
            hidden = self.model.model(inputs, batch["positions"].long(), mask)
            loss, accuracy = self.text_loss(self.model, hidden, ids, batch["weight"])
            extra, extra_accuracy = self.aux_loss(self.model, cells, batch["kind"].long(), batch["color"].long(),
                                                  batch["center"].long(), batch["chars"].long())
        (loss + aux_weight * extra).backward()
        self.muon.step(lr)
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.adam.step()
        self.model.zero_grad(set_to_none=True)
        return torch.cat([torch.stack([loss.detach(), accuracy, extra.detach()]), extra_accuracy])

    def run(self) -> None:
        args, step, seen, sums, saved = self.args, 0, 0, 0, time.time()
        mark, mark_seen = time.time(), 0
        while True:
            now = time.time()
            progress = (now - self.start) / args.seconds
            if progress >= 1:
                break
            count, batch = self.loader.next()
            seen += count
            sums = sums + self.step(batch, self.rate(progress, step), 1.0 if progress < 0.15 else 0.5)
            step += 1
            if step % 100 == 0:
                values = (sums / 100).tolist()
                rate = (seen - mark_seen) / (time.time() - mark)
                mark, mark_seen, sums = time.time(), seen, 0
                print(f"{now - self.start:6.0f}s step {step:6d} images {seen / 1e6:.2f}M {rate:5.0f}/s waiting "
                      f"{self.loader.ready.qsize()}/{self.loader.queue.qsize()} loss {values[0]:.4f} acc {values[1]:.4f} "
                      f"aux {values[2]:.3f} kind {values[3]:.3f} color {values[4]:.3f} center {values[5]:.3f} "
                      f"char {values[6]:.3f}", flush=True)
            if now - saved > args.save_every:
                saved = now
                self.save()
        torch.cuda.synchronize()
        print(f"trained {step} steps, {seen} images, {time.time() - self.start:.0f}s, "
              f"peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB", flush=True)
        self.loader.close()
        self.save()

    def save(self) -> None:
        scratch = self.args.out + ".writing"
        write_directory(scratch, self.model.state_dict(), self.tok)
        if os.path.isdir(self.args.out):
            os.rename(self.args.out, f"{self.args.out}.old{time.time():.0f}")
        os.rename(scratch, self.args.out)

    def evaluate(self) -> dict[str, float]:
        """Held-out scores by greedy generation on kernel-drawn scenes; prints some mistakes."""
        totals: dict[str, list] = {}
        shown: dict[str, int] = {}
        pairs = list(held_out_questions(self.pack, 999, self.args.eval))
        with torch.compiler.set_stance("force_eager"), torch.autocast("cuda", torch.bfloat16), torch.no_grad():
            for first in range(0, len(pairs), 200):
                part = pairs[first:first + 200]
                arrays = {k: torch.from_numpy(v).to(DEVICE) for k, v in scene_arrays(self.pack, [s for s, _ in part]).items()}
                patches = self.compose(arrays["images"], arrays["layers"], arrays["masks"], arrays["place"])
                cells = self.model.visual(patches, arrays["place"], arrays["windows"], arrays["pictures"])
                found = answers(self.model, self.tok, cells, [s for s, _ in part], [q.prompt for _, q in part], DEVICE)
                for (scene, qa), answer in zip(part, found):
                    for name, value in score(qa.task, qa.facts, answer).items():
                        totals.setdefault(name, []).append(value)
                        if value < 1 and shown.setdefault(name, 0) < 5:
                            shown[name] += 1
                            print(f"  {name}: {qa.prompt!r} -> {answer!r}, expected {qa.answer!r}", flush=True)
        return {name: sum(values) / len(values) for name, values in totals.items()}


def main() -> None:
    trainer = Trainer(parse())
    trainer.run()
    table = trainer.evaluate()
    print(json.dumps({name: round(value, 4) for name, value in table.items()}))
    for name, value in table.items():
        print(f"{name:18s} {100 * value:6.2f} %", flush=True)
    print("DONE", flush=True)


if __name__ == "__main__":
    main()
