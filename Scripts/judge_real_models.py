"""What Touchstone says of two really trained models beside unmodified Hugging Face, in float32.

    sh Scripts/real_models.sh FOLDER
    python Scripts/judge_real_models.py FOLDER [SOUND.wav]

MiniLM: the vectors of twenty sentences, and every activation of one. Whisper, where a sound is given: the text, written
down greedily by both, and every activation of encoder and decoder on the sound and that text. Each judgement is the exit
code of `touchstone diff`. torch, transformers and h5py are needed, and a build, or another program that TOUCHSTONE names.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import h5py
import numpy as np
import torch
import transformers
from transformers import AutoModel, AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests/TouchstoneFamiliesTests/Fixtures/families"))
import make_encoder_family  # noqa: E402
import make_sound_family  # noqa: E402

PROGRAM = os.environ.get("TOUCHSTONE", str(HERE.parent / ".build/debug/touchstone"))
SENTENCES = [
    "A cat is sleeping on the sofa.", "A kitten is napping on the couch.", "The stock market fell sharply today.",
    "Shares dropped on Wall Street this afternoon.", "How do I bake bread at home?",
    "What is a good recipe for a homemade loaf?", "The transformer attends to every token at once.",
    "Attention lets each word look at all the others.", "He plays the violin in an orchestra.",
    "She is a musician who performs with strings.", "The train to Vienna leaves at noon.",
    "When does the express depart for Austria's capital?", "Water boils at one hundred degrees Celsius.",
    "The boiling point of water is 100 °C.", "My phone battery dies too quickly.",
    "I need to charge my mobile several times a day.", "The king addressed his people from the balcony.",
    "The queen spoke to the crowd below.", "Quantum computers use superposition.",
    "It rained all weekend, so we stayed in.",
]  # fmt: skip


def touchstone(*arguments, codes=(0,)):
    """What the program writes, and how long it took; any other exit code ends the script."""
    begun = time.time()
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"touchstone {arguments[0]}: exit code {done.returncode}\n{done.stdout[:2000]}{done.stderr[:2000]}")
    return done, time.time() - begun


def write(path, golden, values):
    """A capture of what Hugging Face computed on a golden's inputs."""
    with h5py.File(golden) as g, h5py.File(path, "w", libver=("v110", "v110")) as f:
        f.attrs["format"], f.attrs["format_version"], f.attrs["kind"] = "touchstone", "1.2", "capture"
        g.copy("inputs", f)
        for name in ("config_json", "family"):
            f.require_group("model").attrs[name] = g["model"].attrs[name]
        for name, value in values.items():
            f[name] = np.ascontiguousarray(value)
        facts = f.create_group("provenance").attrs
        facts["precision"], facts["producer"], facts["producer_version"] = "float32", "transformers", transformers.__version__
        f.attrs["complete"] = np.uint8(1)


def judge(golden, capture, model):
    done, seconds = touchstone("diff", golden, capture, "--model", model, codes=(0, 1, 3))
    print(f"  diff: exit {done.returncode} after {seconds:.0f} s: {done.stdout.splitlines()[0]}")


def sentences(folder, out):
    print("MiniLM")
    model, tokenizer = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval(), AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][:, :, None]
    theirs = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    asked = [part for text in SENTENCES for part in ("--sentence", text)]
    done, seconds = touchstone("embeddings", "--model", folder, "--json", *asked)
    ours = np.array([one["vector"] for one in json.loads(done.stdout)["sentences"]])
    print(f"  {len(SENTENCES)} sentences in {seconds:.1f} s, vectors at most {np.abs(ours - theirs).max():.1e} apart")
    golden = out / "minilm.h5"
    touchstone("record", "--model", folder, "--prompt", SENTENCES[6], "--out", golden)
    observed = make_encoder_family.Observed("bert", model)
    with h5py.File(golden) as f:
        ids = f["inputs/token_ids"][()].tolist()
    inputs = dict(input_ids=ids, attention_mask=[1] * len(ids), token_type_ids=[0] * len(ids), position_ids=list(range(len(ids))))
    write(out / "minilm-hf.h5", golden, observed.run(inputs))
    judge(golden, out / "minilm-hf.h5", folder)


def speech(folder, sound, out):
    print("Whisper")
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    front = WhisperFeatureExtractor.from_pretrained(folder)
    with wave.open(sound) as f:
        audio = np.frombuffer(f.readframes(f.getnframes()), np.int16).astype(np.float32) / 32768
    features = front(audio, sampling_rate=16000, return_tensors="pt").input_features
    made = model.generate(features, max_new_tokens=200)[0].tolist()
    theirs = AutoTokenizer.from_pretrained(folder).decode(made, skip_special_tokens=True)
    done, seconds = touchstone("generate", "--model", folder, "--audio", sound, "--max-tokens", 200)
    print(f"  Hugging Face writes {theirs.strip()!r}\n  Touchstone writes   {done.stdout.strip()!r}, in {seconds:.1f} s")
    settings = json.loads((folder / "generation_config.json").read_text())
    begin = [settings["decoder_start_token_id"], settings["no_timestamps_token_id"]]
    said = begin + [token for token in made if token < begin[0] - 1]
    golden = out / "whisper.h5"
    _, seconds = touchstone(
        "record", "--model", folder, "--audio", sound, "--tokens", ",".join(map(str, said)), "--no-floor", "--out", golden)
    print(f"  record: {seconds:.0f} s")
    with torch.no_grad():
        values = make_sound_family.Observed(model, front).run(
            dict(audio=audio, token_ids=said, attention_mask=[1] * len(said)))
    write(out / "whisper-hf.h5", golden, values)
    judge(golden, out / "whisper-hf.h5", folder)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sound", nargs="?")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as out:
        sentences(options.folder / "minilm", Path(out))
        if options.sound:
            speech(options.folder / "whisper-tiny.en", options.sound, Path(out))


if __name__ == "__main__":
    main()
