"""The engine: decode, sample, pack, train, score and measure. Usable without Django: `python -m scoring`."""
