"""How strong the tests are: small faults of Scripts/mutants.json, one at a time, and whether any test fails.

usage: python Scripts/mutate.py [--list] [--only IDS] [--scratch FOLDER] [--jobs N] [--timeout SECONDS] [--no-build]
                                [--nearest] [--resume]
IDS are numbers, ranges and areas with commas between them, such as 3,40-52,Tokenizer. --list checks that the original
text of each still stands in its file, once. The checkout is copied to FOLDER (.build-mutants unless given), which keeps
its build for the next run. Everything is compiled once, every fault as a branch that TOUCHSTONE_MUTANT chooses; with
none active the tests must pass. A fault is tried on the tests nearest to it, and where those pass on all of them, unless
the list calls it equivalent; a run ends at the first failure. --nearest leaves the whole suite out, --no-build takes the
copy as it was built, --resume takes over what an earlier run killed. Exit code 0 where every fault that is not
equivalent is killed, else 1; 2 where the list is out of date or the tests fail without any fault.
"""
import argparse, concurrent.futures, json, os, pathlib, platform, re, shutil, signal, subprocess, sys, tempfile, time

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
NO_TEST = "no test has that name"
LIST = pathlib.Path(__file__).resolve().parent / "mutants.json"
# What a module asks which fault is active. The kernels are compiled for one instruction set each and may share no
# symbol: they ask a C function of the module that they import anyway.
SWIFT = """#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The fault that is active in this run; 0 for none.
let activeMutant: Int = getenv("TOUCHSTONE_MUTANT").map { Int(atoi($0)) } ?? 0
"""
C_HEADER = "\n/* The fault that is active in this run; 0 for none. */\nint touchstone_active_mutant(void);\n"
C_SOURCE = """
#include <stdlib.h>
static int active_mutant;
__attribute__((constructor)) static void read_active_mutant(void) {
  const char *text = getenv("TOUCHSTONE_MUTANT");
  active_mutant = text ? atoi(text) : 0;
}
int touchstone_active_mutant(void) { return active_mutant; }
"""


def load():
    """The list. Its `form` says how `mutated` stands for `original`: as an expression unless given, as a statement, or as
    text in which ACTIVE asks whether the fault is active. Expressions and statements may share their original."""
    mutants = json.loads(LIST.read_text())
    assert len({m["id"] for m in mutants}) == len(mutants), "an id is given twice"
    return mutants


def stale(mutants):
    """What is wrong with the list, one sentence each."""
    problems = []
    for mutant in mutants:
        path = CHECKOUT / mutant["file"]
        count = path.read_text().count(mutant["original"]) if path.exists() else 0
        if count != 1:
            problems.append(f"{mutant['id']}: {mutant['file']} holds its original text {count} times: {mutant['original']!r}")
    return problems


def module(path):
    return path.split("/")[1]


# Of the files of a room, by the end of their names, which concern they belong to: the manifest gives each to its target.
CONCERNS = {"Reference": "Reference", "Bound": "Verdict", "Faults": "Faults", "Honest": "Faults"}


def home(path):
    """A folder whose files are compiled with the file: a target has its own, but for those of `Sources/Transformer`,
    which have a folder for each concern and share the rooms of operations."""
    if module(path) != "Transformer":
        return "Sources/" + module(path)
    folder, *rest = path.split("/")[2:]
    if folder != "Operations":
        return "Sources/Transformer/" + folder
    concern = pathlib.Path(path).stem.removeprefix(rest[0])
    return "Sources/Transformer/" + CONCERNS.get(concern, "Graph")


def is_kernel(path):
    return module(path).startswith("TouchstoneKernels")


def branch(place, mutants):
    """The original text with a branch for each fault."""
    active = "touchstone_active_mutant()" if is_kernel(mutants[0]["file"]) else "activeMutant"
    form = mutants[0].get("form", "expression")
    if form == "text":
        return mutants[0]["mutated"].replace("ACTIVE", f"({active} == {mutants[0]['id']})")
    if form == "statement":
        branches = [f"if {active} == {m['id']} {{ {m['mutated']} }}" for m in mutants]
        return " else ".join(branches + [f"{{ {place} }}"])
    return "(" + "".join(f"{active} == {m['id']} ? ({m['mutated']}) : " for m in mutants) + f"({place}))"


def instrument(scratch, mutants):
    """Writes the faults into the copy."""
    places = {}
    for mutant in mutants:
        places.setdefault((mutant["file"], mutant["original"]), []).append(mutant)
    for file in {file for file, _ in places}:
        text = (CHECKOUT / file).read_text()
        spans = sorted((text.index(original), original) for (f, original) in places if f == file)
        for (start, original), (following, _) in zip(spans, spans[1:]):
            if start + len(original) > following:
                sys.exit(f"mutate: two faults of {file} overlap at {original!r}")
        for start, original in reversed(spans):
            text = text[:start] + branch(original, places[file, original]) + text[start + len(original):]
        if is_kernel(file) and "import TouchstoneCPU" not in text:
            text = "import TouchstoneCPU\n" + text
        write(scratch / file, text)
    for folder in sorted({home(m["file"]) for m in mutants if not is_kernel(m["file"])}):
        write(scratch / folder / "ActiveMutant.swift", SWIFT)
    folder = pathlib.Path("Sources/TouchstoneCPU")
    header = (CHECKOUT / folder / "include/TouchstoneCPU.h").read_text()
    end = header.rindex("#endif")
    write(scratch / folder / "include/TouchstoneCPU.h", header[:end] + C_HEADER + header[end:])
    write(scratch / folder / "TouchstoneCPU.c", (CHECKOUT / folder / "TouchstoneCPU.c").read_text() + C_SOURCE)


def write(path, text):
    """Writes a file unless it holds the text already, so that nothing is compiled again for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def copy(scratch, mutants):
    """Brings the checkout's files into the copy, but for those that will hold faults."""
    changed = {m["file"] for m in mutants} | {"Sources/TouchstoneCPU/TouchstoneCPU.c",
                                              "Sources/TouchstoneCPU/include/TouchstoneCPU.h"}
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT,
                            check=True, capture_output=True, text=True).stdout
    files = [name for name in listed.split("\0") if name and (CHECKOUT / name).is_symlink() | (CHECKOUT / name).exists()]
    for old in (scratch / "Sources").rglob("ActiveMutant.swift"):
        if not any(scratch / home(m["file"]) == old.parent for m in mutants):
            old.unlink()
    for folder in ("Sources", "Tests"):
        for old in (scratch / folder).rglob("*"):
            name = old.relative_to(scratch).as_posix()
            if not old.is_dir() and name not in files and old.name != "ActiveMutant.swift":
                old.unlink()
    for name in files:
        source, target = CHECKOUT / name, scratch / name
        if name in changed:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            if not target.is_symlink() or os.readlink(target) != os.readlink(source):
                target.unlink(missing_ok=True)
                target.symlink_to(os.readlink(source))
        elif not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)


def build(scratch, mutants):
    """Compiles the copy; leaves out what does not compile, and says so."""
    left = list(mutants)
    while True:
        copy(scratch, left)
        instrument(scratch, left)
        run = subprocess.run(["swift", "build", "--build-tests"], cwd=scratch, capture_output=True, text=True)
        if run.returncode == 0:
            return left
        found = set()
        for file, line in re.findall(r"^(\S+\.swift):([0-9]+):[0-9]+: error:", run.stdout + run.stderr, re.M):
            lines = pathlib.Path(file).read_text().split("\n")
            near = "\n".join(lines[max(0, int(line) - 4):int(line) + 3])
            found |= {int(number) for number in re.findall(r"ctive_?[mM]utant(?:\(\))? == ([0-9]+)", near)}
        if not found:
            sys.exit("mutate: the copy does not compile:\n" + (run.stdout + run.stderr)[-6000:])
        for number in sorted(found):
            print(f"mutate: {number} does not compile and is left out", file=sys.stderr)
        left = [m for m in left if m["id"] not in found]


class Tests:
    """The tests of the copy, run with one fault active."""

    def __init__(self, scratch, timeout):
        self.scratch, self.timeout = scratch, timeout
        bundle = next((scratch / ".build/debug").resolve().glob("*PackageTests.xctest"))
        self.command = ([str(bundle), "--testing-library", "swift-testing"] if platform.system() == "Linux"
                        else ["swift", "test", "--skip-build", "--disable-xctest"])

    def run(self, number, chosen):
        """The tests that failed: none where all passed, `timeout` or `crash` where there was no end."""
        command = self.command + (["--filter", chosen] if chosen else [])
        # A crash is told at once, not after the search for where it was.
        environment = dict(os.environ, TOUCHSTONE_MUTANT=str(number), SWIFT_BACKTRACE="enable=no")
        # A file and no pipe: programs that tests start may outlive them and hold it open.
        with tempfile.TemporaryFile("w+b") as written:
            process = subprocess.Popen(command, cwd=self.scratch, env=environment, stdout=written,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            end, failed, late, done = time.time() + self.timeout, set(), False, False
            while not done:
                done = process.poll() is not None
                if not done:
                    time.sleep(0.2)
                output = os.pread(written.fileno(), os.fstat(written.fileno()).st_size, 0).decode(errors="replace")
                found = set(re.findall(r"Test (?!case )([^\s(]+)\S* .*recorded an issue", output))
                if found and not failed:
                    # Others of the same moment are told too.
                    end, failed = min(end, time.time() + 2), found
                failed = found
                late = not done and time.time() > end
                if late:
                    stop(process)
                    process.wait()
                    done = True
        if "Test run with 0 tests" in output:
            return [NO_TEST]
        if failed:
            return sorted(failed)
        if late:
            return ["timeout"]
        return [] if process.returncode == 0 and "Test run with" in output else ["crash"]


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def chosen(mutants, wanted):
    """Those of the list that --only names."""
    if not wanted:
        return mutants
    result = []
    for mutant in mutants:
        for part in wanted.split(","):
            ends = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
            if part == mutant["area"] or ends and int(ends[1]) <= mutant["id"] <= int(ends[2] or ends[1]):
                result.append(mutant)
                break
    return result


def judge(tests, mutant, nearest):
    began = time.time()
    failed = tests.run(mutant["id"], mutant["filter"])
    if failed == [NO_TEST]:
        print(f"mutate: {mutant['id']}: no test is named {mutant['filter']}", file=sys.stderr)
        failed = []
    if not failed and not nearest and "equivalent" not in mutant:
        failed = tests.run(mutant["id"], None)
    return failed, time.time() - began


def text(mutant):
    """What a result belongs to."""
    return f"{mutant['id']} {mutant['original']} -> {mutant['mutated']}"


def report(mutants, results):
    """The table by area, then what survived."""
    areas = {}
    for mutant in mutants:
        areas.setdefault(mutant["area"], []).append(mutant)
    print("\n| area | killed | survived |\n|---|---|---|")
    for area, members in areas.items():
        real = [m for m in members if "equivalent" not in m]
        survived = [str(m["id"]) for m in real if not results[m["id"]][0]]
        print(f"| {area} | {len(real) - len(survived)} of {len(real)} | {', '.join(survived)} |")
    real = [m for m in mutants if "equivalent" not in m]
    survived = [m for m in real if not results[m["id"]][0]]
    killed = len(real) - len(survived)
    print(f"| all | {killed} of {len(real)}, {100 * killed / max(1, len(real)):.1f} % | {len(survived)} |\n")
    for mutant in survived:
        print(f"survived: {mutant['id']} {mutant['file']}: {mutant['what']}")
    for mutant in mutants:
        if "equivalent" in mutant:
            fate = "killed all the same by " + results[mutant["id"]][0][0] if results[mutant["id"]][0] else "survives"
            print(f"equivalent: {mutant['id']} {mutant['what']} ({fate}): {mutant['equivalent']}")
    return survived


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--scratch", type=pathlib.Path, default=CHECKOUT / ".build-mutants")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=600)
    for option in ("--no-build", "--nearest", "--resume"):
        parser.add_argument(option, action="store_true")
    arguments = parser.parse_args()
    every = load()
    problems = stale(every)
    for problem in problems:
        print("mutate: " + problem, file=sys.stderr)
    mutants = chosen(every, arguments.only)
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant['id']:4} {mutant['area']}: {mutant['what']} ({mutant['file']})")
        print(f"{len(mutants)} faults, {sum('equivalent' in m for m in mutants)} of them equivalent")
        return 2 if problems else 0
    out_of_date = {int(problem.split(":")[0]) for problem in problems}
    every = [m for m in every if m["id"] not in out_of_date]
    scratch = arguments.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    compiled = {m["id"] for m in every}
    if not arguments.no_build:
        compiled = {m["id"] for m in build(scratch, every)}
        (scratch / "compiled.json").write_text(json.dumps(sorted(compiled)))
        failed = Tests(scratch, arguments.timeout).run(0, None)
        if failed:
            print(f"mutate: without any fault these fail: {', '.join(failed)}", file=sys.stderr)
            return 2
        print("without any fault every test passes", file=sys.stderr)
    elif (scratch / "compiled.json").exists():
        compiled = set(json.loads((scratch / "compiled.json").read_text()))
    mutants = [m for m in mutants if m["id"] in compiled]
    tests, results, known = Tests(scratch, arguments.timeout), {}, scratch / "killed.json"
    earlier = json.loads(known.read_text()) if known.exists() else {}
    if arguments.resume:
        results = {m["id"]: (earlier[text(m)], 0.0) for m in mutants if text(m) in earlier}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        waiting = {pool.submit(judge, tests, m, arguments.nearest): m for m in mutants if m["id"] not in results}
        for future in concurrent.futures.as_completed(waiting):
            mutant = waiting[future]
            results[mutant["id"]] = future.result()
            failed, seconds = results[mutant["id"]]
            earlier[text(mutant)] = failed
            known.write_text(json.dumps({place: tests for place, tests in earlier.items() if tests}))
            fate = "killed by " + ", ".join(failed[:2]) if failed else "SURVIVED"
            print(f"{mutant['id']:4} {fate}, {seconds:.1f} s: {mutant['what']}", flush=True)
    survived = report(mutants, results)
    return 2 if problems else 1 if survived else 0


sys.exit(main())
