"""The one distribution of pairmill; Dataflow workers install the same file (``--setup_file ./setup.py``)."""

from pathlib import Path

from setuptools import find_packages, setup

TREE_SITTER = [
    "tree-sitter>=0.26,<0.27",
    "tree-sitter-c-sharp==0.23.5",
    "tree-sitter-c==0.24.2",
    "tree-sitter-cpp==0.23.4",
    "tree-sitter-go==0.25.0",
    "tree-sitter-java==0.23.5",
    "tree-sitter-javascript==0.25.0",
    "tree-sitter-julia==0.23.1",
    "tree-sitter-kotlin==1.1.0",
    "tree-sitter-lua==0.5.0",
    "tree-sitter-php==0.25.1",
    "tree-sitter-python==0.25.0",
    "tree-sitter-ruby==0.23.1",
    "tree-sitter-rust==0.24.2",
    "tree-sitter-scala==0.26.3",
    "tree-sitter-swift==0.7.4",
    "tree-sitter-typescript==0.23.2",
]

MINING = [
    "apache-beam>=2.77,<2.78",
    "backports.zstd>=1.3,<2",
    "brotli>=1.1",
    "datasketch>=2,<3",
    "detect-secrets>=1.5,<1.6",
    "docstring-parser>=0.18,<0.19",
    "isal>=1.7,<2",
    "eldc>=0.4,<0.5",
    "jinja2>=3.1",
    "lark>=1.3,<2",
    "license-expression>=30.4,<31",
    "licenseclassifier>=2026.10",
    "lz4>=4.4,<5",
    "numpy>=2.1",
    "phonenumbers>=9,<10",
    "publicsuffixlist",
    "py3langid>=0.4,<0.5",
    "pyarrow>=18",
    "PyYAML>=6",
    "requests>=2.32,<3",
    "Resiliparse>=2.0.1,<3",
    "rich>=13",
    "scipy>=1.13",
    "sentencex>=1.0,<2",
    "urllib3>=2.6,<3",
    "w3lib>=2.5,<3",
    "xxhash>=3.5",
    *TREE_SITTER,
]

TRAINING = [
    "bm25s>=0.3,<0.4",
    "safetensors>=0.5",
    "sentence-transformers>=6,<7",
    "tokenizers>=0.22",
    "torch>=2.11,<2.14",
    "transformers>=5,<6",
]

setup(
    name="pairmill",
    version="0.1.0",
    description="Mine, deduplicate and split training pairs for embedding models with Apache Beam, and train on them",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["schemas*", "miners*", "pipelines*", "pairmill*", "train*"]),
    include_package_data=False,
    package_data={
        "miners": ["code/permissive_licenses.txt", "code/languages/*/*", "audit/templates/*"],
        "pipelines": ["templates/*"],
        "train": ["recipes/*.yaml"],
    },
    install_requires=MINING,
    extras_require={
        "train": TRAINING,
        "gcp": ["apache-beam[gcp]>=2.77,<2.78"],
        "dask": ["apache-beam[dask]>=2.77,<2.78"],
        "trafilatura": ["trafilatura>=2,<3"],
        "bench": ["FastWARC>=2.0.1,<3", "libclang>=18,<19", "trafilatura", "rensa"],
        "fast": ["numba>=0.62"],
        "demo": ["warcio>=1.8,<2"],
        "test": [
            "apache-beam[dask]>=2.77,<2.78",
            "datasets>=5,<6",
            "hypothesis",
            "numba>=0.62",
            "pre-commit",
            "pytest",
            "ruff",
            "tree-sitter-bash==0.25.1",
            "warcio>=1.8,<2",
        ],
    },
    entry_points={"console_scripts": ["pairmill = pairmill.cli:main"]},
)
