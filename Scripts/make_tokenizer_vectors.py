"""Trains a small tokenizer of every kind that decoders use and records what Hugging Face's tokenizers do with it.

    venv/bin/pip install tokenizers==0.23.3 transformers==5.24.0 sentencepiece==0.2.3
    venv/bin/python Scripts/make_tokenizer_vectors.py SHARED_TEXT_FOLDER [KIND ...]

Writes Tests/TouchstoneTokenizerTests/Fixtures/kinds: texts.json, which every kind is tried on, and for each kind
tokenizer.json and vectors.json; those that begin with "spm" are SentencePiece model files instead, which transformers reads. A vector is the beginning of a SHA-256: of the ids as little-endian int32, a zero
byte, and the decoded text; of ten texts, or ten lists of ids, one after the other. SHARED_TEXT_FOLDER holds tinyshakespeare.txt and the files whose texts may not be
committed; of those only digests are written.
"""

import base64
import hashlib
import json
import pathlib
import random
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent.parent / "Tests/TouchstoneTokenizerTests/Fixtures/kinds"
SHARED = pathlib.Path(sys.argv[1])
SIZE = 700
# Of the kinds that differ from another in few steps.
SMALL = 400

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
DEEPSEEK3 = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
]
DEEPSEEK2 = [
    r"[\r\n]",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    r"[一-龥ࠀ-一가-퟿]+",
]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

# MARK: Texts

SENTENCES = [
    "Good morrow, cousin. I'll say we've 3 horses, and they're HERS; she'd NOT've known.",
    "DON'T I'M YOU'LL we'RE it'S They'Ve 'tis o'clock ''quoted'' 'ſ",
    "def f(x):\n    if x == 0:\n\treturn [1, 2.5e-3]\n    return f(x-1) # done\n\n\n",
    "for (int i = 0; i < 1024; ++i) { a[i] += b->c * 0xFF; }  // 100%\r\n",
    "Der Fluß fließt über große Steine; naïve façade, Ångström, œuvre, İstanbul.",
    "Το πρωί ήπιαμε καφέ. Όλα καλά, Σίσυφος;",
    "Утром мы пили чай, а вечером — кофе. Ёлка №5!",
    "בבוקר שתינו קפה. שָׁלוֹם",
    "شربنا القهوة في الصباح، ثم ١٢٣ خطوة۔ ۴۵۶",
    "सुबह हमने चाय पी। १२३ क्षत्रिय",
    "ตอนเช้าเราดื่มกาแฟ ๑๒๓",
    "早上我们喝了咖啡，然后走了三千步。《书》、10月",
    "朝、コーヒーを飲みました。がぎぐ ｶﾞ ㍿ 2024年",
    "아침에 커피를 마셨다. 한글",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 ☕️ 🇳🇱 e\u0301 é Å \u212b \u2126 ﬁ ﬂ ½ Ⅷ ² ① ﷺ",
    "email@example.org https://example.org/a?b=c&d=%20#e $12,345.67 1234567 3.14159",
    "<s> </s> <0x0A> <0xE9> ▁ ▁▁a Ġ Ċ <|end <pad <unk> [PAD]",
    "a\u00a0b\u2003c\u3000d\u200be\u2028f\u0085g\x0bh\x1ci\u180ej\ufeffk",
    "\x00\x01\x7f\u0080\u009f\ufffd\ufffe\ue000\U000f0000\U0010ffff",
    "camelCaseWord SHOUTING MixedUP iPhone ǅ ǆ ŉ ΑΣ",
]
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n ", "\u00a0", "\u3000", "\u2028", "", ""]


def texts(special):
    """Two thousand strings of our own and of Shakespeare's, from a fixed seed."""
    generator = random.Random(20261128)
    words = (SHARED / "tinyshakespeare.txt").read_text()[:200_000].split(" ")
    marks = "'\".,;:!?()[]{}<>/\\|-_=+*&^%$#@~`–—…«»„“”、。！？"
    characters = [c for sentence in SENTENCES for c in sentence]
    result = ["", " ", "  ", "\n", "a", " a", "a ", "  a  b ", "'", "0"] + SENTENCES
    while len(result) < 2000:
        parts = []
        for _ in range(generator.randint(1, 12)):
            kind = generator.randrange(10)
            if kind < 4:
                parts.append(generator.choice(words))
            elif kind < 5:
                start = generator.randrange(20)
                parts.append(generator.choice(SENTENCES)[start : start + generator.randint(1, 12)])
            elif kind < 6:
                parts.append("".join(generator.choice(characters) for _ in range(generator.randint(1, 8))))
            elif kind < 7:
                parts.append(str(generator.randrange(10 ** generator.randint(1, 9))))
            elif kind < 8:
                parts.append("".join(generator.choice(marks) for _ in range(generator.randint(1, 4))))
            elif kind < 9:
                parts.append(generator.choice(special))
            else:
                parts.append(generator.choice(words).upper())
            parts.append(generator.choice(SPACES))
        result.append("".join(parts))
    return result


# MARK: Kinds


def special(content, **properties):
    return AddedToken(content, special=True, normalized=False, **properties)


def byte_level(pre_tokenizer=None, normalizer=None, added=(), size=SIZE, decoder=None, **options):
    """A byte-level tokenizer, trained."""
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoder or decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(added), show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens(list(added))
    return tokenizer


def split(patterns, **options):
    steps = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentence_piece(control, fuse_unk=True, size=SIZE):
    """Vocabulary and merges as they come out of a SentencePiece model: every way to make a token is a merge."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=size - 256 - len(control), show_progress=False, limit_alphabet=100 if size < SIZE else 180)
    )
    learned = [t for t, _ in sorted(trained.get_vocab().items(), key=lambda item: (len(item[0]) == 1, item[1]))]
    tokens = list(control) + [f"<0x{b:02X}>" for b in range(256)] + learned
    vocabulary = {t: i for i, t in enumerate(tokens)}
    merges = []
    for token in learned:
        for cut in range(1, len(token)):
            pair = token[:cut], token[cut:]
            if pair[0] in vocabulary and pair[1] in vocabulary:
                merges.append((vocabulary[token], vocabulary[pair[0]], vocabulary[pair[1]], pair))
    merges.sort()
    return models.BPE(
        vocab=vocabulary, merges=[m[3] for m in merges], unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=True
    )


def llama2(added, normalizer=None, pre_tokenizer=None, strip=True, post=True, size=SIZE):
    tokenizer = Tokenizer(sentence_piece(["<unk>", "<s>", "</s>"], size=size))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + ([decoders.Strip(content=" ", left=1)] if strip else []))
    tokenizer.add_tokens(added)
    if post:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
        )
    return tokenizer


def kinds():
    end = special("<|endoftext|>")
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    control = [special("<unk>"), special("<s>"), special("</s>")]
    yield "gpt2", byte_level(added=[end])
    yield "gpt2-prefix-space", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), added=[end])
    llama3 = byte_level(split([LLAMA3]), added=[special("<|begin_of_text|>"), end, special("<|eot_id|>")], ignore_merges=True)
    llama3.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                special_tokens=[("<|begin_of_text|>", llama3.token_to_id("<|begin_of_text|>"))],
            ),
        ]
    )
    yield "llama3", llama3
    yield "qwen2", byte_level(
        split([QWEN2]), normalizers.NFC(), [end, special("<|im_start|>"), AddedToken("<tool_call>", normalized=False)]
    )
    yield "cl100k", byte_level(split([CL100K]), added=[end])
    yield "o200k", byte_level(split([O200K]), added=[end, special("<|start|>")])
    yield "starcoder2", byte_level(
        pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
        added=[end, special("<fim_prefix>")],
    )
    yield "deepseek3", byte_level(
        split(DEEPSEEK3), normalizers.Sequence([]), [special("<｜begin▁of▁sentence｜>"), AddedToken("<｜User｜>", normalized=False)]
    )
    yield "deepseek2", byte_level(
        pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(p), "isolated") for p in DEEPSEEK2]
            + [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        ),
        added=[special("<｜end▁of▁sentence｜>")],
    )
    yield "falcon", byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
                pre_tokenizers.Digits(individual_digits=False),
                pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
            ]
        ),
        added=[end, AddedToken(">>TITLE<<", special=True, normalized=False)],
    )
    yield "bloom", byte_level(split([BLOOM]), added=[special("<s>"), special("<pad>")])
    yield "neox", byte_level(
        normalizer=normalizers.NFC(), added=[end] + [AddedToken(" " * n, normalized=True) for n in range(12, 1, -1)]
    )
    yield "phi2", byte_level(
        added=[end] + [AddedToken(" " * n, normalized=False) for n in range(8, 1, -1)] + [AddedToken("\t\t", normalized=False)]
    )
    yield "llama2", llama2(control, prepend)
    yield "llama2-normalized", llama2(
        [AddedToken("<s>", special=True, normalized=True), AddedToken("</s>", special=True, normalized=True, rstrip=True)], prepend
    )
    yield "phi3", llama2(
        control + [special("<|user|>", rstrip=True), special("<|end|>", rstrip=True), AddedToken("<|code|>", lstrip=True, normalized=False)],
        prepend,
        post=False,
    )
    yield "mistral", llama2(control, None, pre_tokenizers.Metaspace("▁", "first", split=False))
    yield "gemma", llama2(
        control + [AddedToken("\n\n", normalized=False), AddedToken("▁▁", normalized=False)],
        normalizers.Replace(" ", "▁"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        strip=False,
    )
    clip = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    clip.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    clip.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    clip.decoder = decoders.BPEDecoder("</w>")
    clip.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=SIZE,
            show_progress=False,
            end_of_word_suffix="</w>",
            special_tokens=["<|startoftext|>", "<|endoftext|>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    clip.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), False, False)
    yield "clip", clip
    yield from variants(end, control, prepend)
    yield "marks", marks()
    yield "words", words()
    yield "byte-normalizer", byte_normalizer()
    yield "wordpiece", wordpiece(lower=True)
    yield "wordpiece-cased", wordpiece(lower=False)
    yield "unigram", unigram()
    yield "unigram-bytes", unigram(with_bytes=True)


def with_front(tokenizer, front, post, back=()):
    """The same tokenizer with control tokens before its vocabulary and words behind it, as in Mistral NeMo and OPT."""
    value = json.loads(tokenizer.to_str())
    value["model"]["vocab"] = {t: i for i, t in enumerate([t.content for t in front])} | {
        t: i + len(front) for t, i in value["model"]["vocab"].items()
    }
    for word in back:
        value["model"]["vocab"][word] = len(value["model"]["vocab"])
    value["added_tokens"] = []
    result = Tokenizer.from_str(json.dumps(value))
    result.add_tokens(front)
    result.post_processor = processors.TemplateProcessing(
        single=f"{post} $A", pair=f"{post} $A {post} $B", special_tokens=[(post, result.token_to_id(post))]
    )
    return result


def variants(end, control, prepend):
    """Kinds that families add to those above, with small vocabularies."""
    yield "gptj", byte_level(added=[end] + [AddedToken(f"<|extratoken_{i}|>", normalized=True) for i in (1, 2, 143)], size=SMALL)
    yield "llama2-always", llama2(control, None, pre_tokenizers.Metaspace("▁", "always", split=False), size=520)
    yield "codellama", llama2(control + [special("▁<PRE>"), special("▁<SUF>"), special("▁<MID>")], prepend, size=520)
    mixtral = llama2(control + [special("[INST]")], None, pre_tokenizers.Metaspace("▁", "first", split=True), size=520)
    mixtral.decoder = decoders.Metaspace("▁", "always", split=True)
    mixtral.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    yield "mixtral-split", mixtral
    yield "mistral-nemo", with_front(
        byte_level(split([TEKKEN]), size=SMALL, ignore_merges=True), control + [special("[INST]"), special("[/INST]")], "<s>"
    )
    yield "gemma-whole", llama2(
        control + [AddedToken("\n\n", normalized=False), AddedToken("▁▁", normalized=False)],
        normalizers.Replace(" ", "▁"),
        strip=False,
        size=520,
    )
    yield "phi4", byte_level(
        split([LLAMA3]), added=[end, special("<|im_start|>", lstrip=True, rstrip=True), special("<|dummy_0|>", rstrip=True)], size=SMALL
    )
    olmo2 = [pre_tokenizers.Split(Regex(LLAMA3), "removed", invert=True)]
    yield "olmo2", byte_level(
        pre_tokenizers.Sequence(olmo2 + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
        added=[AddedToken("|||IP_ADDRESS|||", normalized=False), end, special("<|fim_prefix|>")],
        size=SMALL,
    )
    yield "opt", with_front(
        byte_level(size=SMALL),
        [AddedToken(t, special=True, normalized=True) for t in ("<s>", "<pad>", "</s>", "<unk>")],
        "</s>",
        back=[f"madeupword{i:04}" for i in range(3)],
    )
    yield "falcon3", byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.Split(Regex("[0-9]"), "isolated"),
            ]
        ),
        added=[end, special("<|pad|>")],
        size=SMALL,
    )
    # Added tokens whose letters stand for bytes: a decoder of bytes reads them as such.
    letters = ["é", "zé", "Ġthe", "Ġqq", "Â©", " x", "Ġ x", "日", "Ã", "É the"]
    yield "letters", byte_level(
        normalizer=normalizers.NFC(),
        added=[AddedToken(t, normalized=i % 2 == 0, special=i % 3 == 0) for i, t in enumerate(letters)],
        size=SMALL,
    )


def shuffled(tokenizer, pre_tokenizer, **options):
    """The same vocabulary with its merges out of order: a merge may stand before those of its parts."""
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    random.Random(7).shuffle(merges)
    result = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, **options))
    result.pre_tokenizer = pre_tokenizer
    return result


def marks():
    """Marks before words, unknown characters, a text that is folded, and added tokens with every property."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]
    )
    trained.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", split=True)
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=500, show_progress=False, limit_alphabet=60, special_tokens=["<unk>"])
    )
    result = shuffled(trained, trained.pre_tokenizer, unk_token="<unk>", fuse_unk=False)
    result.normalizer = trained.normalizer
    result.decoder = decoders.Metaspace("▁", "always", split=True)
    result.add_tokens(
        [
            special("<unk>"),
            AddedToken("Lord", single_word=True, normalized=True),
            AddedToken("NOT", single_word=True, normalized=False),
            AddedToken("<mask>", lstrip=True, rstrip=False, normalized=False, special=True),
            AddedToken("king", lstrip=True, rstrip=True, normalized=True),
            AddedToken("...", normalized=False),
            AddedToken("..", normalized=False),
        ]
    )
    return result


def words():
    """Words between white space, ends marked, unknown characters dropped into one token, no decoder's spaces."""
    trained = Tokenizer(models.BPE(unk_token="?", continuing_subword_prefix="##", end_of_word_suffix="@"))
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trained.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=600,
            show_progress=False,
            limit_alphabet=70,
            special_tokens=["?"],
            continuing_subword_prefix="##",
            end_of_word_suffix="@",
        ),
    )
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    result = Tokenizer(
        models.BPE(
            vocab=model["vocab"],
            merges=merges,
            unk_token="?",
            fuse_unk=True,
            continuing_subword_prefix="##",
            end_of_word_suffix="@",
        )
    )
    result.normalizer = normalizers.NFKC()
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("-", "merged_with_next"), pre_tokenizers.Punctuation("removed")]
    )
    return result


def byte_normalizer():
    """The byte alphabet as a normaliser, NFD before it, and an added token that is normalised with the text."""
    result = byte_level()
    vocabulary = json.loads(result.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in vocabulary["merges"]]
    result = Tokenizer(models.BPE(vocab=vocabulary["vocab"], merges=merges))
    result.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.ByteLevel()])
    result.pre_tokenizer = pre_tokenizers.Split(Regex("Ġ"), "contiguous")
    result.decoder = decoders.ByteLevel()
    result.add_tokens([AddedToken("naïve", normalized=True), special("<|endoftext|>")])
    return result


def wordpiece(lower):
    """BERT's tokenizer: lower case without accents, as MiniLM has it, or as written."""
    result = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100 if lower else 12))
    result.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=None if lower else False)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    result.decoder = decoders.WordPiece("##", cleanup=lower)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    result.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=SIZE, show_progress=False, limit_alphabet=150, special_tokens=names)
    )
    result.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return result


# Eleven characters and pairs that become others, compiled by sentencepiece 0.2 from a table: ligatures, wide letters and
# spaces, composed letters, and one that vanishes.
CHARACTER_MAP = (
    "AAQAAAAgAAAJDQAAAQAAgMwYAgCBBQAAFQAAgKARAAAHAACAgCgCAIsNAAAAAACAAwAAgISkAgASAACAqw0AAIA1AACAfAIAgSACAIuIAwDjFA"
    "IAgmACAJkNAAAYAACADwAAgKEJAACBOQAADQAAgL1xAAAdAAAAHAAAAB8AAAAeAAAAIQAAAKzkAgAjAAAAIgAAAKa9AAAkAAAAJwAAACYAAAAp"
    "AAAAKAAAACsAAAAqAAAALQAAACwAAAAvAAAALgAAADEAAAC8IAIAMwAAADIAAAA1AAAANAAAADcAAAA2AAAAOQAAADgAAAA7AAAAOgAAAD0AAA"
    "A8AAAAPwAAAD4AAABBAAAAQAAAAEMAAABCAAAARQAAAEQAAABHAAAARgAAAEkAAABIAAAASwAAAEoAAABNAAAATAAAAE8AAABOAAAAUQAAAFAA"
    "AABTAAAAUgAAAFUAAABUAAAAVwAAAFYAAABZAAAAWAAAAFsAAABaAAAAXQAAAFwAAABfAAAAXgAAAGEAAABgAAAAYwAAAGIAAABlAAAAZAAAAG"
    "cAAABmAAAAaQAAAGgAAABrAAAAagAAAG0AAABliAIAbwAAAG4AAABxAAAAcAAAAHMAAAByAAAAdQAAAHQAAAB3AAAAdgAAAHkAAAB4AAAAewAA"
    "AHoAAAB9AAAAfAAAAH8AAAB+AAAAgQAAAIAAAACDAAAAggAAAIUAAACEAAAAhwAAAIYAAACJAAAAiAAAAIsAAACKAAAAjQAAAIwAAACPAAAAjg"
    "AAAJEAAACQAAAAkwAAAJIAAACVAAAAlAAAAJcAAACWAAAAmQAAAJgAAACbAAAAmgAAAJ0AAACcAAAAnwAAAJ4AAAChAAAAoAAAAKMAAACiAAAA"
    "pQAAAKQAAACnAAAApgAAAKkAAACoAAAAqwAAAKoAAACtAAAArAAAAK8AAACuAAAAsQAAALAAAACzAAAAsgAAALUAAAC0AAAAtwAAALYAAAC5AA"
    "AAuAAAALsAAAC6AAAAvQAAALwAAAC/AAAAvgAAAMEAAADAAAAAwwAAAMIAAADFAAAAxAAAAMcAAADGAAAAyQAAAMgAAADCsAEAygAAAM0AAADM"
    "AAAAzwAAAM4AAADRAAAA0AAAANMAAADSAAAA1QAAANQAAADXAAAA1gAAANkAAADYAAAA2wAAANoAAADdAAAA3AAAAN8AAADeAAAA4QAAAOAAAA"
    "DjAAAA4gAAAOUAAADkAAAA5wAAAO+oAQDpAAAA6AAAAOKIAQDj7AEA7QAAAOwAAADvAAAA7gAAAPEAAADwAAAA8wAAAPIAAAD1AAAA9AAAAPcA"
    "AAD2AAAA+QAAAPgAAAD7AAAA+gAAAP0AAAD8AAAA/wAAAP4AAAAAIAAuLi4AMeKBhDIAQQBmaQDDhQDDqQDjgYwA"
)


def unigram(with_bytes=False):
    """T5's tokenizer: a compiled map of characters, words between spaces, the likeliest spelling; or one that spells bytes."""
    result = Tokenizer(models.Unigram())
    result.normalizer = normalizers.NFKC() if with_bytes else normalizers.Precompiled(base64.b64decode(CHARACTER_MAP))
    mark = pre_tokenizers.Metaspace("▁", "always", split=not with_bytes)
    result.pre_tokenizer = mark if with_bytes else pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), mark])
    names = ["<pad>", "</s>", "<unk>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if with_bytes else [])
    result.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=SIZE, show_progress=False, special_tokens=names, unk_token="<unk>"))
    value = json.loads(result.to_str())
    value["model"]["byte_fallback"] = with_bytes
    value["added_tokens"] = value["added_tokens"][:3]
    result = Tokenizer.from_str(json.dumps(value))
    result.decoder = decoders.Metaspace("▁", "always", split=True)
    if with_bytes:
        result.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    result.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return result


# MARK: SentencePiece model files

# Characters and what they become, as in a rule file of SentencePiece; a compiled map of all of NFKC takes 240 KB.
CHARACTER_RULES = {
    "Ａ": "A", "①": "1", "ﬁ": "fi", "…": "...", "\u3000": " ", "\t": " ", "e\u0301": "é", "か\u3099": "が", "\u200b": "",
    "\u00a0": " ", "½": " 1⁄2 ", "☕": "  ", "☕\ufe0f": "cup",
}  # fmt: skip


def sentence_piece_file(path, **options):
    """Trains a SentencePiece model; where `rules` is true characters become what CHARACTER_RULES says."""
    import sentencepiece

    if options.pop("rules", False):
        rules = path.with_suffix(".tsv")
        rules.write_text("".join(
            f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in CHARACTER_RULES.items()))
        options["normalization_rule_tsv"] = str(rules)
    else:
        options["normalization_rule_name"] = "identity"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in CORPUS for line in text.split("\n")]), model_prefix=str(path.with_suffix("")),
        character_coverage=0.985, num_threads=1, minloglevel=2, **options)
    path.with_suffix(".model").rename(path)
    for other in (".vocab", ".tsv"):
        path.with_suffix(other).unlink(missing_ok=True)


def sentence_piece_kinds():
    """The files of each kind, and the settings of the tokenizer and of the model beside them."""
    bytes_too = {"model_type": "bpe", "byte_fallback": True, "vocab_size": 460}
    llama = {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    yield "spm-t5", {"spiece.model": {"rules": True, "vocab_size": 260, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}}, {
        "tokenizer_class": "T5Tokenizer", "extra_ids": 5}, "t5"  # fmt: skip
    yield "spm-llama", {"tokenizer.model": bytes_too | {"remove_extra_whitespaces": False}}, llama | {
        "tokenizer_class": "LlamaTokenizer", "legacy": True}, "llama"  # fmt: skip
    yield "spm-gemma", {
        "tokenizer.model": bytes_too | {
            "remove_extra_whitespaces": False, "add_dummy_prefix": False, "split_digits": True, "allow_whitespace_only_pieces": True,
            "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>",
            "user_defined_symbols": ["<mask>", "\n\n", "▁▁", "<start_of_turn>"],
        }
    }, {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}, "gemma2"  # fmt: skip
    yield "spm-mistral", {
        "tokenizer.model": bytes_too | {"rules": True, "user_defined_symbols": ["LORD", "[INST]"], "control_symbols": ["<|end"]}
    }, llama | {"tokenizer_class": "LlamaTokenizer"}, "mistral"
    yield "spm-umt5", {
        "tokenizer.model": {"rules": True, "vocab_size": 280, "user_defined_symbols": ["king", "▁a"], "add_dummy_prefix": False}
    }, {"add_eos_token": True}, "umt5"
    yield "spm-marian", {
        "source.spm": {"rules": True, "vocab_size": 260, "user_defined_symbols": ["LORD"]},
        "target.spm": {"vocab_size": 240, "remove_extra_whitespaces": False},
    }, {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "fr"}, "marian"


class AsInTokenizers:
    """A tokenizer of transformers with the few methods that `vectors` asks of one of tokenizers."""

    encode_special_tokens = False

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def encode(self, text, add_special_tokens=True):
        self.ids = self.tokenizer.encode(
            text, add_special_tokens=add_special_tokens, split_special_tokens=self.encode_special_tokens)
        return self

    def decode(self, ids, skip_special_tokens):
        return self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)

    def get_vocab_size(self):
        return len(self.tokenizer)


def marian_vocabulary(folder):
    """The pieces of both files in another order, some left out, and what is spelt by unknown characters."""
    import sentencepiece

    files = [sentencepiece.SentencePieceProcessor(model_file=str(folder / name)) for name in ("source.spm", "target.spm")]
    pieces = {file.id_to_piece(i): None for file in files for i in range(3, len(file))}
    pieces = [piece for index, piece in enumerate(pieces) if index % 9]
    random.Random(5).shuffle(pieces)
    return {piece: id for id, piece in enumerate(["</s>", "<unk>", ">>fr<<", "早上", *pieces, "<pad>"])}


def write_sentence_piece_kind(name, files, settings, model_type, strings):
    from transformers import AutoTokenizer

    folder = OUT / name
    folder.mkdir(exist_ok=True)
    for file, options in files.items():
        sentence_piece_file(folder / file, **options)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    if "source.spm" in files:
        (folder / "vocab.json").write_text(json.dumps(marian_vocabulary(folder), ensure_ascii=False))
        # A language is asked for in front of every third text.
        strings = [">>fr<< " * (index % 3 == 2) + text for index, text in enumerate(strings)]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    is_fast = tokenizer.is_fast
    result = vectors(tokenizer.backend_tokenizer if is_fast else AsInTokenizers(tokenizer), strings)
    # A few are enough to see what differs: the digests are of all.
    result |= {"ids": result["ids"][:12], "decoded": result["decoded"][:12]}
    (folder / "vectors.json").write_text(json.dumps(result))
    print(name, len(tokenizer))


# MARK: Vectors


def packed(ids):
    return struct.pack(f"<{len(ids)}i", *ids)


def skipped(tokenizer, lists):
    return digest([], "\n".join(tokenizer.decode(ids, skip_special_tokens=True) for ids in lists))


def by_tens(pairs):
    """The digests of ten pairs of ids and text each."""
    tens = [pairs[i : i + 10] for i in range(0, len(pairs), 10)]
    return [digest([i for ids, _ in ten for i in [*ids, -1]], "\n".join(text for _, text in ten)) for ten in tens]


def digest(ids, text):
    return hashlib.sha256(packed(ids) + b"\0" + text.encode()).hexdigest()[:10]


class SplitMix64:
    """The generator of the tests."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)


def vectors(tokenizer, strings):
    def encoded(text, **options):
        ids = tokenizer.encode(text, **options).ids
        return ids, tokenizer.decode(ids, skip_special_tokens=False)

    pairs = [encoded(text) for text in strings]
    result = {"texts": by_tens(pairs), "skipped": skipped(tokenizer, [ids for ids, _ in pairs])}
    result["ids"] = [encoded(text)[0] for text in strings[:40]]
    result["decoded"] = [encoded(text)[1] for text in strings[:40]]
    result["plain"] = digest([i for text in strings for i in encoded(text, add_special_tokens=False)[0]], "")
    tokenizer.encode_special_tokens = True
    result["untrusted"] = digest([i for text in strings for i in encoded(text)[0]], "")
    tokenizer.encode_special_tokens = False
    size = tokenizer.get_vocab_size()
    lists = []
    for seed in range(200):
        generator = SplitMix64(seed)
        lists.append([generator.next() % size for _ in range(1 + generator.next() % 30)])
    result["random"] = by_tens([(ids, tokenizer.decode(ids, skip_special_tokens=False)) for ids in lists])
    result["skippedRandom"] = skipped(tokenizer, lists)
    result["files"] = {}
    for name in ["tinyshakespeare.txt", "UTF-8-demo.txt", "UTF-8-test.txt", "blns.txt"]:
        text = (SHARED / name).read_bytes().decode(errors="replace")
        ids, decoded = encoded(text)
        lines = [encoded(line) for line in text.split("\n")] if name != "tinyshakespeare.txt" else []
        result["files"][name] = {
            "count": len(ids),
            "digest": digest(ids, decoded),
            "lines": digest([i for line in lines for i in line[0]], "\n".join(line[1] for line in lines)),
        }
    return result


CORPUS = SENTENCES * 20 + (SHARED / "tinyshakespeare.txt").read_text()[:150_000].split("\n\n")


def main():
    tokenizers = dict(kinds())
    # Those of WordPiece and Unigram came later: the texts stay what they are.
    first = [k for name, k in tokenizers.items() if not name.startswith(("wordpiece", "unigram"))]
    added = sorted({t.content for k in first for t in k.get_added_tokens_decoder().values()})
    strings = texts(added + [a[:-1] for a in added] + [a.upper() for a in added])
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "texts.json").write_text(json.dumps(strings, ensure_ascii=True, indent=0))
    for name, tokenizer in tokenizers.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        folder = OUT / name
        folder.mkdir(exist_ok=True)
        text = tokenizer.to_str()
        if name == "gpt2-prefix-space":
            # The older spelling of merges.
            value = json.loads(text)
            value["model"]["merges"] = [" ".join(m) for m in value["model"]["merges"]]
            text = json.dumps(value, ensure_ascii=False)
        (folder / "tokenizer.json").write_text(text)
        (folder / "vectors.json").write_text(json.dumps(vectors(Tokenizer.from_str(text), strings)))
        print(name, tokenizer.get_vocab_size())
    for name, *kind in sentence_piece_kinds():
        if not sys.argv[2:] or name in sys.argv[2:]:
            write_sentence_piece_kind(name, *kind, strings)
    if sys.argv[2:]:
        return
    write_files(tokenizers["gpt2"], "gpt2", {"tokenizer_class": "GPT2Tokenizer"})
    # As OPT's own files: the words that were made up stand in the vocabulary alone.
    write_files(tokenizers["opt"], "opt", {"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "add_bos_token": True})


def write_files(tokenizer, kind, settings):
    """The same tokenizer as a vocabulary and a merge list, with the settings beside them."""
    files = OUT / (kind + "-files")
    files.mkdir(exist_ok=True)
    tokenizer.model.save(str(files))
    added = {str(i): json.loads(t.__getstate__()) if isinstance(t.__getstate__(), str) else t.__getstate__()
             for i, t in tokenizer.get_added_tokens_decoder().items()}
    (files / "tokenizer_config.json").write_text(json.dumps(settings | {"added_tokens_decoder": added}))
    (files / "vectors.json").write_text((OUT / kind / "vectors.json").read_text())


main()
