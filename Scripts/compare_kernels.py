"""Times Touchstone's kernels, OpenBLAS, PyTorch and glibc's vector functions, one engine a process, alternating.

usage: python Scripts/compare_kernels.py [ROUNDS]
Needs numpy or scipy that carries OpenBLAS, torch, threadpoolctl, a C compiler, and the release build
(swift build -c release), or another program that TOUCHSTONE names. Sizes are those of `touchstone bench --kernels`.
"""
import ctypes, json, os, statistics, subprocess, sys, tempfile, time

PROGRAM = os.environ.get("TOUCHSTONE", ".build/release/touchstone")
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
SHAPES = [(768, 2304), (768, 768), (768, 3072), (3072, 768), (768, 50257)]
ROWS = (1, 16, 128, 512)
ATTENTION = [(128, 128), (512, 512), (1024, 1024), (1, 512)]  # the last rows of so many tokens
HEADS, WIDTH = 12, 64
FUNCTIONS = [("exp", 4096), ("gelu tanh", 4096), ("gelu erf", 4096), ("softmax", 128), ("softmax", 1024),
             ("layer norm", 768)]
WEIGHT_BYTES = 160 << 20  # a product cycles through so many bytes of matrices, as a model does through its layers
BUDGET = 0.5


def median_seconds(work, batch=1):
    work()
    times, end = [], time.perf_counter() + BUDGET
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        for _ in range(batch):
            work()
        times.append((time.perf_counter() - begin) / batch)
    return statistics.median(times)


def products(make, multiply):
    """`make(shape)` fills a matrix; `multiply(x, w, y)` writes into y, which is there already."""
    found = {}
    for rows in ROWS:
        for depth, columns in SHAPES:
            copies = max(1, WEIGHT_BYTES // (4 * depth * columns))
            weights = [make((depth, columns)) for _ in range(copies)]
            x, y, state = make((rows, depth)), make((rows, columns)), [0]

            def work():
                multiply(x, weights[state[0] % copies], y)
                state[0] += 1

            found[f"product {rows} x {depth} x {columns}"] = median_seconds(work)
    return found


def openblas():
    import numpy, threadpoolctl
    with threadpoolctl.threadpool_limits(THREADS):
        kernel = [x for x in threadpoolctl.threadpool_info() if x["internal_api"] == "openblas"]
        found = products(lambda shape: numpy.full(shape, 0.01, numpy.float32),
                         lambda x, w, y: numpy.matmul(x, w, out=y))
    return {"kernel": f'{kernel[0]["version"]} {kernel[0]["architecture"]}', "seconds": found}


def pytorch():
    import torch
    import torch.nn.functional as f
    torch.set_num_threads(THREADS)
    with torch.inference_mode():
        found = products(lambda shape: torch.full(shape, 0.01), lambda x, w, y: torch.mm(x, w, out=y))
        for rows, keys in ATTENTION:
            q, k, v = (torch.randn(1, HEADS, count, WIDTH) for count in (rows, keys, keys))
            # One row sees every key; the causal form of PyTorch begins at the first.
            found[f"attention {rows} of {keys}"] = median_seconds(
                lambda: f.scaled_dot_product_attention(q, k, v, is_causal=rows > 1))
        torch.set_num_threads(1)
        for name, count in FUNCTIONS:
            x, y = torch.linspace(-6, 4, count), torch.empty(count)
            one, zero = torch.ones(count), torch.zeros(count)
            row = x.reshape(1, -1)
            means = [torch.empty_like(row), torch.empty(1, 1), torch.empty(1, 1)]
            work = {"exp": lambda: torch.exp(x, out=y),
                    "gelu tanh": lambda: torch.ops.aten.gelu.out(x, approximate="tanh", out=y),
                    "gelu erf": lambda: torch.ops.aten.gelu.out(x, out=y),
                    "softmax": lambda: torch.ops.aten._softmax.out(x, 0, False, out=y),
                    "layer norm": lambda: torch.ops.aten.native_layer_norm.out(
                        row, [count], one, zero, 1e-5, out0=means[0], out1=means[1], out2=means[2])}[name]
            found[f"{name} {count}"] = median_seconds(work, 64)
    return {"kernel": torch.__version__, "seconds": found}


def libmvec():
    """exp of glibc's vector library at the processor's widest vectors, called in a loop compiled here."""
    wide = "avx512f" in open("/proc/cpuinfo").read()
    vector, name, width = ("__m512", "_ZGVeN16v_expf", 16) if wide else ("__m256", "_ZGVdN8v_expf", 8)
    load = "_mm512" if wide else "_mm256"
    source = f"""#include <immintrin.h>
{vector} {name}({vector});
void all(const float *x, long count, float *y, long times) {{
  for (long t = 0; t < times; t++)
    for (long i = 0; i < count; i += {width}) {load}_storeu_ps(y + i, {name}({load}_loadu_ps(x + i)));
}}"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "loop.c")
        open(path, "w").write(source)
        flags = ["-O3", "-mavx512f" if wide else "-mavx2", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, path, "-o", path + ".so", "-lmvec", "-lm"], check=True)
        library = ctypes.CDLL(path + ".so")
        x = (ctypes.c_float * 4096)(*[(i % 193) * 0.05 - 6 for i in range(4096)])
        y = (ctypes.c_float * 4096)()
        seconds = median_seconds(lambda: library.all(x, ctypes.c_long(4096), y, ctypes.c_long(64))) / 64
    return {"kernel": name, "seconds": {"exp 4096": seconds}}


def touchstone():
    output = subprocess.run([PROGRAM, "bench", "--kernels", "--json"], check=True, capture_output=True, text=True)
    found = json.loads(output.stdout)
    return {"kernel": "%s, %.1f GFLOP/s, %.1f GB/s" % (
        found["instructionSet"], found["peakOperationsPerSecond"] / 1e9, found["readBytesPerSecond"] / 1e9),
        "seconds": {f'{x["kernel"]} {x["size"]}': x["seconds"] for x in found["timings"]}}


ENGINES = {"touchstone": touchstone, "OpenBLAS": openblas, "PyTorch": pytorch, "libmvec": libmvec}


def main(rounds):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    found = {name: [] for name in ENGINES}
    for round in range(rounds):
        for name in ENGINES:
            print(f"round {round + 1}: {name}", file=sys.stderr)
            output = subprocess.run([sys.executable, __file__, "--engine", name], check=True, env=environment,
                                    stdout=subprocess.PIPE, text=True).stdout
            found[name].append(json.loads(output.splitlines()[-1]))
    print(f"{time.strftime('%Y-%m-%d')}, {THREADS} threads (functions: 1), {rounds} rounds, medians")
    for name in ENGINES:
        print(f"{name}: " + "; ".join(x["kernel"] for x in found[name]))
    print("\n| kernel | " + " | ".join(ENGINES) + " | ÷ the better other |")
    print("|---" * (len(ENGINES) + 2) + "|")
    for key in found["touchstone"][0]["seconds"]:
        times = {name: statistics.median(x["seconds"][key] for x in found[name])
                 for name in ENGINES if key in found[name][0]["seconds"]}
        words = key.split()
        if words[0] == "product":
            work, unit = 2 * int(words[1]) * int(words[3]) * int(words[5]), "GFLOP/s"
        elif words[0] == "attention":  # the masked half is not work
            rows, keys = int(words[1]), int(words[3])
            work, unit = 4 * HEADS * WIDTH * (rows * (keys - rows) + rows * (rows + 1) // 2), "GFLOP/s"
        else:
            work, unit = int(words[-1]), "numbers/ns"
        cells = [f"{work / times[name] / 1e9:.2f}" if name in times else "" for name in ENGINES]
        other = min(time for name, time in times.items() if name != "touchstone")
        print(f"| {key}, {unit} | " + " | ".join(cells) + f" | {other / times['touchstone']:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        print(json.dumps(ENGINES[sys.argv[2]]()))
    elif len(sys.argv) <= 2:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 3)
    else:
        sys.exit(__doc__)
