"""Rebuilds the pool programs from `pool.c`: `python -m app.localnet.programs.build`; needs clang.

clang compiles for eBPF. What Solana loads is a shared object of its own kind: the text section, the entry point, and
the system calls as dynamic relocations. `link` writes that, so Solana's own tools are not needed.
"""

import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
FEES: Mapping[str, int] = {"raydium": 2_500, "meteora": 2_000}
"""The fee of each venue's pools, in millionths."""

R_BPF_64_32 = 10  # both for a call in clang's object and for a system call in Solana's
NO_SYMBOL = -1  # what a call names until it is relocated
DYNAMIC_TAGS = {"flags": 0x1E, "rel": 0x11, "relsz": 0x12, "relent": 0x13, "symtab": 6, "syment": 11, "strtab": 5}
STRSZ, TEXTREL = 10, 4
HEADER, PROGRAM_HEADER, SECTION_HEADER = 64, 56, 64


def main() -> None:
    sums = []
    for venue, fee in FEES.items():
        program = link(compile_pool(fee))
        (FOLDER / f"{venue}.so").write_bytes(program)
        sums.append(f"{sha256(program).hexdigest()}  {venue}.so\n")
    SUMS.write_text("".join(sums))
    sys.stdout.write(SUMS.read_text())


def compile_pool(fee_millionths: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        object_file = Path(folder) / "pool.o"
        flags = ["-target", "bpf", "-O2", "-Wall", "-Werror", f"-DFEE_MILLIONTHS={fee_millionths}"]
        subprocess.run(["clang", *flags, "-c", FOLDER / "pool.c", "-o", object_file], check=True)
        return object_file.read_bytes()


@dataclass(frozen=True, slots=True)
class Compiled:
    """What matters in clang's object."""

    text: bytes
    entry: int  # where the entry point is in the text
    calls: tuple[tuple[int, str], ...]  # where a system call is in the text, and its name


def read_object(data: bytes) -> Compiled:
    [table] = struct.unpack_from("<Q", data, 0x28)
    count, names_index = struct.unpack_from("<HH", data, 0x3C)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + SECTION_HEADER * i) for i in range(count)]
    contents = [data[section[4] : section[4] + section[5]] for section in sections]
    index = {_text_at(contents[names_index], section[0]): i for i, section in enumerate(sections)}
    if data_sections := [name for name in index if name.startswith((".rodata", ".data", ".bss"))]:
        raise ValueError(f"the program may have no data sections, it has {', '.join(data_sections)}")
    strings = contents[sections[index[".symtab"]][6]]
    symbols = list(struct.iter_unpack("<IBBHQQ", contents[index[".symtab"]]))
    [entry] = [symbol[4] for symbol in symbols if _text_at(strings, symbol[0]) == "entrypoint"]
    calls = []
    for offset, info in struct.iter_unpack("<QQ", contents[index[".rel.text"]]):
        if info & 0xFFFFFFFF != R_BPF_64_32:
            raise ValueError("the program may refer to nothing but system calls")
        calls.append((offset, _text_at(strings, symbols[info >> 32][0])))
    return Compiled(contents[index[".text"]], entry, tuple(calls))


def link(data: bytes) -> bytes:
    """A Solana program from clang's object."""
    compiled = read_object(data)
    base = HEADER + 3 * PROGRAM_HEADER  # where the text begins
    text = bytearray(compiled.text)
    names = list(dict.fromkeys(name for _, name in compiled.calls))
    strings = _Strings()
    symbols = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    symbols += struct.pack(
        "<IBBHQQ", strings.add("entrypoint"), 0x12, 0, 1, base + compiled.entry, len(text) - compiled.entry
    )
    for name in names:
        symbols += struct.pack("<IBBHQQ", strings.add(name), 0x10, 0, 0, 0, 0)
    relocations = b""
    for offset, name in compiled.calls:
        struct.pack_into("<i", text, offset + 4, NO_SYMBOL)
        relocations += struct.pack("<QQ", base + offset, (2 + names.index(name)) << 32 | R_BPF_64_32)

    text_at = base
    dynamic_at = text_at + len(_padded(text))
    dynamic_size = 16 * (len(DYNAMIC_TAGS) + 2)
    symbols_at = dynamic_at + dynamic_size
    strings_at = symbols_at + len(symbols)
    relocations_at = strings_at + len(_padded(strings.data))
    end = relocations_at + len(relocations)
    values = {
        "flags": TEXTREL,
        "rel": relocations_at,
        "relsz": len(relocations),
        "relent": 16,
        "symtab": symbols_at,
        "syment": 24,
        "strtab": strings_at,
    }
    dynamic = b"".join(struct.pack("<QQ", tag, values[name]) for name, tag in DYNAMIC_TAGS.items())
    dynamic += struct.pack("<QQQQ", STRSZ, len(strings.data), 0, 0)
    body = _padded(text) + dynamic + symbols + _padded(strings.data) + relocations

    titles = _Strings()
    sections = bytes(SECTION_HEADER)
    for name, kind, flags, at, size, linked, info, entry_size in (
        (".text", 1, 6, text_at, len(text), 0, 0, 0),
        (".dynamic", 6, 2, dynamic_at, dynamic_size, 4, 0, 16),
        (".dynsym", 11, 2, symbols_at, len(symbols), 4, 1, 24),
        (".dynstr", 3, 2, strings_at, len(strings.data), 0, 0, 0),
        (".rel.dyn", 9, 2, relocations_at, len(relocations), 3, 0, 16),
    ):
        title = titles.add(name)
        sections += struct.pack("<IIQQQQIIQQ", title, kind, flags, at, at, size, linked, info, 8, entry_size)
    title = titles.add(".shstrtab")
    sections += struct.pack("<IIQQQQIIQQ", title, 3, 0, 0, end, len(titles.data), 0, 0, 1, 0)
    sections_at = end + len(_padded(titles.data))

    segments = _segment(1, 5, text_at, len(text), 0x1000)  # loaded, may be executed
    segments += _segment(1, 4, symbols_at, end - symbols_at, 0x1000)  # loaded, may be read
    segments += _segment(2, 6, dynamic_at, dynamic_size, 8)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQI", 3, 247, 1, base + compiled.entry, HEADER, sections_at, 0)
    header += struct.pack("<HHHHHH", HEADER, PROGRAM_HEADER, 3, SECTION_HEADER, len(sections) // SECTION_HEADER, 6)
    return header + segments + body + _padded(titles.data) + sections


class _Strings:
    """A string table."""

    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def _segment(kind: int, flags: int, at: int, size: int, align: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, at, at, at, size, size, align)


def _text_at(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode()


def _padded(data: bytes | bytearray) -> bytes:
    return bytes(data) + bytes(-len(data) % 8)


if __name__ == "__main__":
    main()
