"""Sources to measure the code miner on: packages of PyPI, npm and Debian, fetched by their own clients and unpacked.

Each language has a corpus that its rules were written by (`develop`) and one that nobody looked at meanwhile
(`accept`). Debian's source packages need `deb-src` entries in apt's sources.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

COMMANDS = {
    "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."],
    "npm": ["npm", "pack", "--silent"],
    "apt": ["apt-get", "download", "--quiet"],
    "apt-source": ["apt-get", "source", "--download-only", "--quiet"],
}
STDLIB = sysconfig.get_path("stdlib")
INSTALLED = {"site-packages", "dist-packages"}
"""Folders below the standard library's that are not part of it."""


@dataclass(frozen=True)
class Corpus:
    """Packages of one ecosystem, or folders that the machine has."""

    language: str
    stage: str
    ecosystem: str
    packages: tuple[str, ...]
    """Names for the ecosystem's client, or paths of folders and zip archives (`path`)."""
    extensions: tuple[str, ...]
    parts: tuple[str, ...] = ()
    """Only paths that hold one of these folders."""

    @property
    def name(self) -> str:
        """The folder that it is kept in."""
        return f"{self.language}-{self.stage}"


CORPORA = (
    Corpus("python", "develop", "path", (STDLIB,), (".py",)),
    Corpus("python", "accept", "pip", ("django", "twisted", "networkx", "astropy", "sqlalchemy"), (".py",)),
    Corpus("javascript", "develop", "npm", ("three", "lodash"), (".js", ".mjs", ".cjs")),
    Corpus("javascript", "accept", "npm", ("eslint", "webpack", "video.js"), (".js", ".mjs", ".cjs")),
    Corpus("typescript", "develop", "npm", ("rxjs", "effect", "zod"), (".ts", ".tsx"), ("src",)),
    Corpus(
        *("typescript", "accept", "npm"),
        ("viem", "@tensorflow/tfjs-core", "@reduxjs/toolkit", "@tanstack/table-core", "@react-spectrum/s2"),
        (".ts", ".tsx"),
    ),
    Corpus("go", "develop", "apt", ("golang-1.19-src",), (".go",)),
    Corpus(
        *("go", "accept", "apt"),
        (
            "golang-golang-x-tools-dev",
            "golang-google-grpc-dev",
            "golang-github-gin-gonic-gin-dev",
            "golang-gopkg-yaml.v3-dev",
        ),
        (".go",),
    ),
    Corpus("java", "develop", "apt", ("openjdk-17-source",), (".java",), ("java.base", "java.logging", "java.sql")),
    Corpus(
        *("java", "accept", "apt-source"),
        ("guava-libraries", "libcommons-lang3-java", "jackson-core"),
        (".java",),
    ),
    Corpus(
        *("php", "develop", "apt"),
        ("php-symfony-console", "php-symfony-form", "php-symfony-http-kernel", "phpunit"),
        (".php",),
    ),
    Corpus("php", "accept", "apt", ("php-twig", "php-doctrine-orm", "php-laravel-framework", "wordpress"), (".php",)),
    Corpus("ruby", "develop", "apt", ("libruby3.1",), (".rb",)),
    Corpus(
        *("ruby", "accept", "apt"),
        (
            *("ruby-actionpack", "ruby-activerecord", "ruby-activesupport", "ruby-mail", "ruby-nokogiri"),
            *("ruby-rack", "ruby-rouge", "ruby-sequel", "ruby-sinatra", "ruby-thor"),
        ),
        (".rb",),
    ),
    Corpus(
        *("rust", "develop", "apt"),
        (
            *("librust-bumpalo-dev", "librust-hashbrown-dev", "librust-rand-dev", "librust-rayon-core-dev"),
            *("librust-regex-dev", "librust-serde-json-dev", "librust-smallvec-dev", "librust-syn-dev"),
        ),
        (".rs",),
    ),
    Corpus(
        *("rust", "accept", "apt"),
        (
            *("librust-chrono-dev", "librust-clap-3-dev", "librust-futures-util-dev", "librust-gimli-dev"),
            *("librust-h2-dev", "librust-hyper-dev", "librust-image-dev", "librust-itertools-dev"),
            *("librust-nom-dev", "librust-object-dev", "librust-petgraph-dev", "librust-rayon-dev"),
            *("librust-rustls-dev", "librust-tokio-dev"),
        ),
        (".rs",),
    ),
    Corpus("kotlin", "develop", "apt-source", ("kotlin",), (".kt",), ("compiler", "core", "libraries")),
    Corpus(
        *("kotlin", "accept", "npm"),
        ("expo-camera", "expo-file-system", "expo-image", "react-native", "react-native-screens"),
        (".kt",),
    ),
    Corpus("c", "develop", "apt-source", ("glib2.0",), (".c",), ("gio", "glib", "gobject")),
    Corpus("c", "accept", "apt-source", ("cairo", "libxml2"), (".c",)),
    Corpus("cpp", "develop", "apt", ("libstdc++-12-dev",), ("", ".h", ".hpp", ".tcc"), ("c++",)),
    Corpus(
        *("cpp", "accept", "apt"),
        ("libeigen3-dev", "libopencv-core-dev", "libpoco-dev"),
        ("", ".h", ".hpp"),
        ("include",),
    ),
)


def corpora(languages: tuple[str, ...], stage: str) -> list[Corpus]:
    """The corpora of these languages (none: of all)."""
    return [corpus for corpus in CORPORA if corpus.stage == stage and (not languages or corpus.language in languages)]


def files(corpus: Corpus, folder: Path) -> list[Path]:
    """The corpus's source files in order of their names, fetched below `folder` when they are not there.

    Raises CalledProcessError or FileNotFoundError where the ecosystem's client fails or is not installed.
    """
    roots = [Path(name) for name in corpus.packages] if corpus.ecosystem == "path" else [_fetched(corpus, folder)]
    found = {path for root in roots for path in root.rglob("*") if path.suffix in corpus.extensions}
    return sorted(
        path
        for path in found
        if path.is_file()
        and not path.is_symlink()
        and (not corpus.parts or set(corpus.parts) & set(path.parts))
        and (corpus.ecosystem != "path" or INSTALLED.isdisjoint(path.parts))
    )


def _fetched(corpus: Corpus, folder: Path) -> Path:
    place = folder / corpus.name
    if not place.exists():
        partial = folder / f"{corpus.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        subprocess.run([*COMMANDS[corpus.ecosystem], *corpus.packages], cwd=partial, check=True, stdout=sys.stderr)
        _unpack_all(partial)
        partial.rename(place)
    return place


def _unpack_all(folder: Path) -> None:
    """Unpack each archive into a folder of its name, and the archives that it brings at any depth of packages."""
    for path in sorted(folder.iterdir()):
        target = folder / f"{path.name}.d"
        if path.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
        elif path.suffix == ".deb":
            subprocess.run(["dpkg-deb", "-x", str(path), str(target)], check=True)
            for inner in sorted(target.rglob("src.zip")):
                with zipfile.ZipFile(inner) as archive:
                    archive.extractall(inner.with_suffix(".d"))
        elif path.name.endswith((".tgz", ".tar.gz", ".tar.xz", ".tar.bz2")):
            with tarfile.open(path) as archive:
                archive.extractall(target, filter="data")
