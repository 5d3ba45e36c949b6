"""What real nodes said, as inputs of the fuzz targets.

    fuzz_seeds.py VECTORS CORPORA TARGET...

Writes CORPORA/TARGET/vectors/NAME for each target that has recordings: terms and patterns
as bytes, streams of packets with the length of each in two bytes, handshakes cut as one.
"""
import gzip
import json
import pathlib
import shutil
import sys

EACH = 400  # of the many terms every so manieth, so that this many are taken


def rows(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def some(items):
    return items[:: max(1, len(items) // EACH)]


def terms(vectors):
    """Each stored term, with its version byte."""
    for name in ("terms", "bad", "print"):
        for row in some(rows(vectors / "etf" / f"{name}.jsonl.gz")):
            yield f"{name}_{row['id']}", bytes.fromhex(row["hex"])


def etf_decode(vectors):
    for name, data in terms(vectors):
        yield name, data
        if data[:1] == b"\x83":
            yield f"{name}_bare", data[1:]


def etf_inflate(vectors):
    for name, data in terms(vectors):
        yield name, b"\x00" * 5 + data


def etf_text(vectors):
    for row in some(rows(vectors / "etf" / "print.jsonl.gz")):
        yield str(row["id"]), row["p"].encode()


def io_format(vectors):
    for at, row in enumerate(some(rows(vectors / "etf" / "io_format.jsonl.gz"))):
        yield str(at), bytes.fromhex(row["hex"])


def recordings(vectors):
    """Name, and the packets of each direction of the first connection."""
    for path in sorted((vectors / "dist").glob("*.json.gz")):
        with gzip.open(path, "rt") as file:
            document = json.load(file)
        streams = {}
        for section in document.get("sections", []):
            for packet in section["packets"]:
                if packet.get("hex") and packet.get("phase") != "handshake":
                    key = f"{packet['conn']}_{packet['dir']}"
                    streams.setdefault(key, []).append(bytes.fromhex(packet["hex"]))
        for key, packets in streams.items():
            yield f"{path.name.split('.')[0]}_{key}", packets


def dist_codec(vectors):
    for name, packets in recordings(vectors):
        data = b"\x00"
        for packet in packets:
            body = packet[4:]
            if len(data) + len(body) < 30000:
                data += len(body).to_bytes(2, "big") + body
        yield name, data


def dist_handshake(vectors):
    for path in sorted((vectors / "dist" / "handshake").glob("*.json")):
        messages = json.loads(path.read_text())["messages"]
        for role, direction in (b"\x00", "c2s"), (b"\x01", "s2c"):
            said = [bytes.fromhex(m["hex"]) for m in messages
                    if m["chan"] == "dist" and m.get("phase") == "handshake"
                    and m.get("dir") == direction]
            yield f"{path.stem}_{direction}", role + b"".join(said)


def epmd(vectors, field):
    steps = json.loads((vectors / "dist" / "epmd.json").read_text())["steps"]
    for at, step in enumerate(steps):
        if step.get(field):
            yield str(at), bytes.fromhex(step[field])


def epmd_client(vectors):
    return epmd(vectors, "response")


def epmd_server(vectors):
    for name, data in epmd(vectors, "request"):
        if len(data) < 258:
            yield name, bytes([len(data) - 2]) + data[2:]


MAKERS = {
    "dist_codec": dist_codec,
    "dist_handshake": dist_handshake,
    "dist_packets": dist_codec,
    "epmd_client": epmd_client,
    "epmd_server": epmd_server,
    "etf_decode": etf_decode,
    "etf_inflate": etf_inflate,
    "etf_text": etf_text,
    "io_format": io_format,
}


def main():
    vectors, corpora = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for target in sys.argv[3:]:
        folder = corpora / target / "vectors"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in MAKERS.get(target, lambda _: ())(vectors):
            (folder / name).write_bytes(data)


main()
