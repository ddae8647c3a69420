#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of the emulated libcuda follows from NVIDIA's public headers alone.

    generate.py CC INCLUDE_DIR OUT_DIR

reads cuda.h (preprocessed with all its API versions) and cudaTypedefs.h, and writes

  exports.map   every cu* symbol that cuda.h declares, and ioctl
  missing.c     a weak definition of each: CUDA_ERROR_NOT_SUPPORTED, counted. What the emulator
                implements is a strong definition and wins.
  suffixed.c    the _ptsz and _ptds variants: the plain function, called with the calling thread's
                null stream meaning its per-thread stream
  errors.inc    names of errors
  resolver.inc  the table of cuGetProcAddress: name, version, suffix, function

The table follows from one rule: the versions of a (name, suffix) in cudaTypedefs.h, in ascending
order, belong to the symbols name, name_v2, name_v3, ... in theirs.
"""
import re
import subprocess
import sys

SUFFIXES = ("_ptsz", "_ptds")
# cudaProfiler.h is not part of every installation of cuda.h.
PROFILER = {"cuProfilerInitialize": 4000, "cuProfilerStart": 4000, "cuProfilerStop": 4000}


def preprocess(cc, include, *defines):
    source = '#include <cuda.h>\n'
    run = subprocess.run(cc + ["-E", "-P", "-I" + include, *defines, "-x", "c", "-"], input=source,
                         check=True, capture_output=True, text=True)
    return run.stdout


def prototypes(text):
    """name -> text of its parameter list"""
    found = {}
    for match in re.finditer(r"\bCUresult\s+(cu[A-Z]\w*)\s*\(([^;{]*)\)\s*;", text):
        found.setdefault(match.group(1), " ".join(match.group(2).split()))
    return found


def split_suffix(name):
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def split_version(name):
    match = re.fullmatch(r"(cu\w+?)_v(\d+)", name)
    return (match.group(1), int(match.group(2))) if match else (name, 1)


def parameter_names(parameters):
    if parameters in ("", "void"):
        return []
    names = []
    for parameter in parameters.split(","):
        names.append(re.search(r"(\w+)\s*(\[\d*\])?\s*$", parameter).group(1))
    return names


def typedef_rows(include):
    """(name, suffix) -> versions"""
    rows = {}
    text = open(include + "/cudaTypedefs.h", encoding="utf-8").read()
    for match in re.finditer(r"\*PFN_(cu\w+?)_v(\d+)(_ptsz|_ptds)?\)", text):
        rows.setdefault((match.group(1), match.group(3) or ""), set()).add(int(match.group(2)))
    for name, version in PROFILER.items():
        rows.setdefault((name, ""), {version})
    return rows


def resolver_rows(include, symbols):
    """name, version, suffix flag, symbol; sorted by name, then suffix, then version"""
    by_base = {}
    for symbol in symbols:
        plain, suffix = split_suffix(symbol)
        base, number = split_version(plain)
        by_base.setdefault((base, suffix), []).append((number, symbol))
    out = []
    for (name, suffix), versions in typedef_rows(include).items():
        exported = [symbol for _, symbol in sorted(by_base.get((name, suffix), []))]
        for version, symbol in zip(sorted(versions), exported):
            out.append((name, version, 1 if suffix else 0, symbol))
    return sorted(out, key=lambda row: (row[0], row[2], row[1]))


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    *cc, include, out = sys.argv[1:]
    protos = prototypes(preprocess(cc, include, "-D__CUDA_API_VERSION_INTERNAL"))
    symbols = sorted(set(protos) | set(PROFILER))
    head = "/* Made by emu/nvidia/generate.py from cuda.h and cudaTypedefs.h. */"

    # ioctl: the kernel driver's side (channel.c)
    exports = [f"  {s};" for s in symbols + ["ioctl"]]
    write(out + "/exports.map", ["{", "global:"] + exports + ["local: *;", "};"])

    lines = [head, '#include "emu/nvidia/missing.h"']
    for symbol in symbols:
        if split_suffix(symbol)[1] == "":
            lines.append(f"MISSING({symbol})")
    write(out + "/missing.c", lines)

    lines = [head, "#define __CUDA_API_VERSION_INTERNAL", "#include <cuda.h>",
             '#include "emu/nvidia/suffixed.h"']
    for symbol in symbols:
        plain, suffix = split_suffix(symbol)
        if not suffix:
            continue
        if plain not in protos:
            sys.exit(f"generate.py: {symbol} has no plain counterpart")
        names = ", ".join(parameter_names(protos[symbol]))
        lines.append(f"__attribute__((visibility(\"default\"))) CUresult {symbol}({protos[symbol]})\n"
                     f"{{\n    PER_THREAD({plain}({names}));\n}}")
    write(out + "/suffixed.c", lines)

    names = re.findall(r"^\s*(CUDA_(?:SUCCESS|ERROR_\w+))\s*=\s*\d+",
                       open(include + "/cuda.h", encoding="utf-8").read(), re.M)
    words = {"CUDA_SUCCESS": "no error", "CUDA_ERROR_INVALID_VALUE": "invalid argument"}
    for name in names:
        words.setdefault(name, name.replace("CUDA_ERROR_", "").replace("_", " ").lower())
    write(out + "/errors.inc", [head] + [f'{{{n}, "{n}", "{words[n]}"}},' for n in names])

    write(out + "/resolver.inc", [head] + [f'ROW("{n}", {v}, {s}, {f})'
                                          for n, v, s, f in resolver_rows(include, symbols)])


if __name__ == "__main__":
    main()
