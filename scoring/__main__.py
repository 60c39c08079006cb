"""The engine on the command line: `python -m scoring extract | train | score | evaluate`."""

import argparse
import importlib
import sys

from scoring.runtime import keep_memory, prepare

COMMANDS = {
    "extract": "decode a video into packs",
    "train": "train a model on packs",
    "score": "score the frames of a video or of packs",
    "evaluate": "measure how well a model tells out-of-distribution frames",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand and returns its exit status. Only that one is imported: `extract` needs no torch."""
    prepare()
    keep_memory()
    words = sys.argv[1:] if argv is None else argv
    chosen = words[0] if words and words[0] in COMMANDS else None
    parser = argparse.ArgumentParser(prog="python -m scoring", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="|".join(COMMANDS))
    for name, help_text in COMMANDS.items():
        if name == chosen:
            module = importlib.import_module(f"scoring.cli_{name}")
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=help_text)
    arguments = parser.parse_args(words)
    return int(module.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
