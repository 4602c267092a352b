"""The compressors that we compare with, all at the same bounds.

==========================  =======================================================================
exact                       zstd and xz over bytes, plain or shuffled; pcodec; OpenZL
bins + pcodec 12            the reference: ideal quantisation, and the best coder without a model
bins + xz                   the same bins, a general coder
mantissa + split + zstd-5   what an RNTuple of rounded floats holds
mantissa + LZMA-9           what a TTree of NanoAOD holds
SZ3, SPERR, ZFP             compressors for grids, on the columns as series
TTree, RNTuple              whole files with values rounded to the bound, or exact
==========================  =======================================================================
"""

from baler.evaluate.peers.absolute import ByAbsolute
from baler.evaluate.peers.base import BoundedPeer, ColumnPeer, ExactPeer, FilePeer, Peer
from baler.evaluate.peers.bins import Bins
from baler.evaluate.peers.exact import OpenZL, Pcodec, Plain, Shuffled, Smaller, Xz, Zstd
from baler.evaluate.peers.mantissa import Mantissa
from baler.evaluate.peers.predictive import Sperr, Sz3, Zfp
from baler.evaluate.peers.root import RootPeer

REFERENCE = BoundedPeer("bins + pcodec 12", Bins(Pcodec(12)), Pcodec(12), keep_smaller=True)
"""The peer that every other is measured against."""

EXACT: tuple[Peer, ...] = (
    ExactPeer("zstd-3", Smaller(Zstd(3))),
    ExactPeer("zstd-19", Smaller(Zstd(19))),
    ExactPeer("xz-9", Smaller(Xz())),
    ExactPeer("pcodec 8", Pcodec(8)),
    ExactPeer("pcodec 12", Pcodec(12)),
    ExactPeer("openzl 9", OpenZL(9)),
)

BOUNDED: tuple[Peer, ...] = (
    REFERENCE,
    BoundedPeer("bins + pcodec 8", Bins(Pcodec(8)), Pcodec(8), keep_smaller=True),
    BoundedPeer("bins + xz-9", Bins(Smaller(Xz())), Smaller(Xz())),
    BoundedPeer("mantissa + split + zstd-5", Mantissa(Shuffled(Zstd(5))), Shuffled(Zstd(5))),
    BoundedPeer("mantissa + LZMA-9", Mantissa(Plain(Xz())), Plain(Xz())),
    BoundedPeer("SZ3", ByAbsolute(Sz3()), Smaller(Zstd(3))),
    BoundedPeer("SPERR", ByAbsolute(Sperr()), Smaller(Zstd(3))),
    BoundedPeer("ZFP", ByAbsolute(Zfp()), Smaller(Zstd(3))),
)

FILES: tuple[Peer, ...] = (
    RootPeer("TTree zstd-5, exact", "TTree", "zstd", 5, rounded=False),
    RootPeer("TTree LZMA-9, exact", "TTree", "lzma", 9, rounded=False),
    RootPeer("RNTuple zstd-5, exact", "RNTuple", "zstd", 5, rounded=False),
    RootPeer("TTree zstd-5, rounded", "TTree", "zstd", 5, rounded=True),
    RootPeer("TTree LZMA-9, rounded", "TTree", "lzma", 9, rounded=True),
    RootPeer("RNTuple zstd-5, rounded", "RNTuple", "zstd", 5, rounded=True),
)

ALL: tuple[Peer, ...] = (*EXACT, *BOUNDED, *FILES)

__all__ = [
    "ALL",
    "BOUNDED",
    "EXACT",
    "FILES",
    "REFERENCE",
    "BoundedPeer",
    "ColumnPeer",
    "ExactPeer",
    "FilePeer",
    "Peer",
    "RootPeer",
]
